import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { findFileSystem, rawOf, refused } from './largest-file-system.ts';

const run = promisify(execFile);
/** Files whose content is out at one time, and directories that are listed at once. */
const batch = 500;
const [DIRECTORY, REGULAR] = [0o040000, 0o100000];
const TYPE = 0o170000;

/**
 * SHA-256 of every file of an image's largest ext2, ext3 or ext4 file system, by path. Nothing is mounted, and nothing
 * of the image names a file of ours: it may be anybody's.
 * @param image raw or qcow2, without a backing file; a disk with partitions (GPT or MBR), or a bare file system
 * @throws BimetalError ImageRefused; PartMissing (qemu-img, debugfs)
 */
export async function fileDigests(image: string): Promise<ReadonlyMap<string, string>> {
	const work = await mkdtemp(path.join(tmpdir(), 'bimetal-digests-'));
	try {
		const raw = await rawOf(image, work);
		const system = `${raw}?offset=${(await findFileSystem(raw)).at}`;
		const files = await listFiles(system, work);
		const digests = await digestInodes(system, work, [...new Set(files.values())]);
		return new Map(
			[...files].map(([file, inode]) => [file, digests.get(inode) ?? '']).sort() as [string, string][],
		);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** One run of debugfs(8), which reads file systems without mounting them. */
async function debugfs(system: string, work: string, commands: readonly string[]): Promise<string> {
	await writeFile(path.join(work, 'commands'), commands.map(one => `${one}\n`).join(''));
	const options = { cwd: work, encoding: 'latin1', maxBuffer: 2 ** 28 } as const;
	return (await run(await findProgram('debugfs'), ['-f', 'commands', system], options)).stdout;
}

/** Inodes of regular files, by path. */
async function listFiles(system: string, work: string): Promise<Map<string, number>> {
	const files = new Map<string, number>();
	const seen = new Set([2]);
	let level: { inode: number; at: string }[] = [{ inode: 2, at: '' }];
	while (level.length > 0) {
		const next: typeof level = [];
		for (let from = 0; from < level.length; from += batch) {
			const some = level.slice(from, from + batch);
			const text = await debugfs(
				system,
				work,
				some.map(({ inode }) => `ls -p <${inode}>`),
			);
			// Each command stands before what it prints.
			const parts = text.split(/^debugfs: ls -p <\d+>\n/m).slice(1);
			for (const [index, part] of parts.entries()) {
				const at = some[index]?.at ?? '';
				for (const { inode, mode, name } of entriesOf(part)) {
					if ((mode & TYPE) === REGULAR) files.set(`${at}/${name}`, inode);
					// A directory that stands in two places is a loop.
					if ((mode & TYPE) !== DIRECTORY || seen.has(inode)) continue;
					seen.add(inode);
					next.push({ inode, at: `${at}/${name}` });
				}
			}
		}
		level = next;
	}
	return files;
}

/** `/INODE/MODE/UID/GID/NAME/SIZE/`, a line each. */
function entriesOf(text: string): { inode: number; mode: number; name: string }[] {
	return text.split('\n').flatMap(line => {
		// Inode 0: an entry that is no longer used.
		if (line === '' || /^\/0\/0+\//.test(line)) return [];
		const [, inode, mode, name] = /^\/(\d+)\/([0-7]+)\/\d+\/\d+\/([^/]+)\/\d*\/$/.exec(line) ?? [];
		if (name === undefined) throw refused(`a name in this image cannot be read: ${JSON.stringify(line)}`);
		if (name === '.' || name === '..') return [];
		return [
			{
				inode: Number(inode),
				mode: Number.parseInt(mode ?? '0', 8),
				name: Buffer.from(name, 'latin1').toString('utf8'),
			},
		];
	});
}

async function digestInodes(
	system: string,
	work: string,
	inodes: readonly number[],
): Promise<Map<number, string>> {
	const digests = new Map<number, string>();
	for (let from = 0; from < inodes.length; from += batch) {
		const some = inodes.slice(from, from + batch);
		await debugfs(
			system,
			work,
			some.map(inode => `dump <${inode}> inode-${inode}`),
		);
		for (const inode of some) {
			const file = path.join(work, `inode-${inode}`);
			const hash = createHash('sha256');
			await pipeline(createReadStream(file), hash).catch(cause => {
				throw new BimetalError('ImageRefused', `inode ${inode} of this image cannot be read`, {
					status: 422,
					cause,
				});
			});
			digests.set(inode, hash.digest('hex'));
			await rm(file);
		}
	}
	return digests;
}
