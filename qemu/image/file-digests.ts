import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);
const SECTOR = 512;
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
		const system = `${raw}?offset=${await findFileSystem(raw)}`;
		const files = await listFiles(system, work);
		const digests = await digestInodes(system, work, [...new Set(files.values())]);
		return new Map(
			[...files].map(([file, inode]) => [file, digests.get(inode) ?? '']).sort() as [string, string][],
		);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

const refused = (why: string): BimetalError => new BimetalError('ImageRefused', why, { status: 422 });

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
	const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
	return buffer.subarray(0, bytesRead);
}

/** The image itself, or a raw copy of it. The format is read from its first bytes, and never guessed by anybody else. */
async function rawOf(image: string, work: string): Promise<string> {
	const file = await open(image);
	let head: Buffer;
	try {
		head = await bytesAt(file, 0, 16);
	} finally {
		await file.close();
	}
	if (head.toString('latin1', 0, 4) !== 'QFI\u00fb') return path.resolve(image);
	// The offset of a backing file's name (QEMU, docs/interop/qcow2.txt): it would be a file of this machine.
	if (head.length < 16 || head.readBigUInt64BE(8) !== 0n) throw refused(`${image} has a backing file`);
	const raw = path.join(work, 'raw');
	await run(await findProgram('qemu-img'), ['convert', '-f', 'qcow2', '-O', 'raw', path.resolve(image), raw]);
	return raw;
}

/** Bytes from the start of a disk to its largest ext file system. */
async function findFileSystem(raw: string): Promise<number> {
	const file = await open(raw);
	try {
		const found: { at: number; blocks: number }[] = [];
		for (const at of [0, ...(await partitions(file))]) {
			const block = await bytesAt(file, at + 1024, 1024);
			// s_magic; s_blocks_count_lo, s_log_block_size (Linux, Documentation/filesystems/ext4/super.rst).
			if (block.length < 1024 || block.readUInt16LE(56) !== 0xef53) continue;
			found.push({ at, blocks: block.readUInt32LE(4) * 2 ** block.readUInt32LE(24) });
		}
		const largest = found.sort((a, b) => b.blocks - a.blocks)[0];
		if (largest) return largest.at;
		throw refused('there is no ext2, ext3 or ext4 file system in this image');
	} finally {
		await file.close();
	}
}

/** Where the partitions of a GPT (UEFI 2.10, section 5.3) or an MBR begin, in bytes; logical ones are not looked for. */
async function partitions(file: FileHandle): Promise<readonly number[]> {
	const [mbr, gpt] = [await bytesAt(file, 0, SECTOR), await bytesAt(file, SECTOR, SECTOR)];
	if (gpt.toString('latin1', 0, 8) === 'EFI PART') {
		const [at, count, size] = [gpt.readBigUInt64LE(72), gpt.readUInt32LE(80), gpt.readUInt32LE(84)];
		if (count > 1024 || size < 128 || size > 4096) throw refused('the partition table makes no sense');
		const table = await bytesAt(file, Number(at) * SECTOR, count * size);
		return Array.from({ length: Math.floor(table.length / size) }, (_, index) =>
			Number(table.readBigUInt64LE(index * size + 32)),
		)
			.filter(first => first > 0)
			.map(first => first * SECTOR);
	}
	if (mbr.length < SECTOR || mbr.readUInt16LE(510) !== 0xaa55) return [];
	return [446, 462, 478, 494].map(entry => mbr.readUInt32LE(entry + 8) * SECTOR).filter(at => at > 0);
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
