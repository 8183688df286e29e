import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { type RootEntry, withFolders } from './cpio-archive.ts';
import { runTool, toolEnvironment } from './tools.ts';

const run = promisify(execFile);
/** Any will do, as long as the same files make the same bytes: of the file system, and of its folders' hashes. */
const identity = 'b1e7a100-0000-4000-8000-000000000001';
const mebibyte = 1024 * 1024;

/** Makes an empty ext4 file system of so many bytes as a file of its own. Throws PartMissing, GuestNotBuilt. */
export async function makeExt4(
	file: string,
	{ label, size }: { label: string; size: number },
): Promise<void> {
	await rm(file, { force: true });
	const how = ['-q', '-F', '-L', label, '-U', identity, '-E', `hash_seed=${identity},root_owner=0:0`];
	await runTool(path.dirname(file), 'mkfs.ext4', ...how, file, `${size / 1024}k`);
}

/**
 * Puts files, folders and links into an ext4 file system, all of them root's; what is there of that name is exchanged.
 * With debugfs(8): no root, no loop device, and the same files give the same bytes. Throws PartMissing, GuestNotBuilt.
 */
export async function putIntoExt4(file: string, entries: Readonly<Record<string, RootEntry>>): Promise<void> {
	const all = withFolders(entries);
	for (const [name] of all) {
		if (!/^[\w./@+-]+$/.test(name))
			throw new BimetalError('GuestNotBuilt', `no image can have a file ${name}`);
	}
	const work = await mkdtemp(path.join(path.dirname(file), 'entries-'));
	const script = path.join(work, 'script');
	/** It ends well whatever went wrong: what it says is what counts. */
	const debugfs = async (...lines: readonly string[]): Promise<string> => {
		await writeFile(script, lines.map(line => `${line}\n`).join(''));
		const args = ['-w', '-f', script, file];
		const { stdout, stderr } = await run(await findProgram('debugfs'), args, { env: toolEnvironment() });
		const wrong = stderr.split('\n').filter(line => !/^$|^debugfs \d|File not found by/.test(line));
		if (wrong.length > 0) throw new BimetalError('GuestNotBuilt', `debugfs: ${wrong.join('; ')}`);
		return stdout;
	};
	try {
		// Made again, a folder would leave an inode that belongs to nothing.
		const folders = all.filter(([, { kind }]) => kind === 'folder').map(([name]) => name);
		const found = (await debugfs(...folders.map(name => `testi /${name}`)))
			.split('debugfs: testi /')
			.slice(1);
		const isThere = (name: string): boolean =>
			found.some(part => part.startsWith(`${name}\n`) && part.includes('marked in use'));
		const lines: string[] = [];
		for (const [index, [name, entry]] of all.entries()) {
			if (entry.kind === 'folder' && !isThere(name)) lines.push(`mkdir /${name}`);
			if (entry.kind === 'link') lines.push(`rm /${name}`, `symlink /${name} ${entry.to}`);
			if (entry.kind !== 'file') continue;
			const content = path.join(work, String(index));
			await writeFile(content, entry.content, { mode: entry.isProgram ? 0o755 : 0o644 });
			lines.push(`rm /${name}`, `write ${content} /${name}`);
		}
		await debugfs(...lines);
	} finally {
		await rm(work, { recursive: true });
	}
}

/** Copies a file into another one at an offset; what is zero is left out. */
export async function copyInto(from: string, to: string, offset: number): Promise<void> {
	const source = await open(from, 'r');
	const target = await open(to, 'r+');
	try {
		const piece = Buffer.alloc(mebibyte);
		const zeros = Buffer.alloc(mebibyte);
		for (let at = 0; ; ) {
			const { bytesRead } = await source.read(piece, 0, mebibyte, at);
			if (bytesRead === 0) return;
			if (piece.compare(zeros, 0, bytesRead, 0, bytesRead) !== 0)
				await target.write(piece, 0, bytesRead, offset + at);
			at += bytesRead;
		}
	} finally {
		await source.close();
		await target.close();
	}
}
