import { execFile } from 'node:child_process';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);
const SECTOR = 512;

/** What somebody's image is refused with. */
export const refused = (why: string): BimetalError => new BimetalError('ImageRefused', why, { status: 422 });

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
	const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
	return buffer.subarray(0, bytesRead);
}

/** The image itself, or a raw copy of it. The format is read from its first bytes, and never guessed by anybody else. */
export async function rawOf(image: string, work: string): Promise<string> {
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

/** Where a file system lies on a disk, in bytes. */
export interface FoundFileSystem {
	readonly at: number;
	readonly size: number;
	/** Of its blocks. */
	readonly blockSize: number;
}

/**
 * The largest ext2, ext3 or ext4 file system of a raw disk, as its own superblock says.
 * @throws BimetalError ImageRefused
 */
export async function findFileSystem(raw: string): Promise<FoundFileSystem> {
	const file = await open(raw);
	try {
		const found: FoundFileSystem[] = [];
		for (const at of [0, ...(await partitions(file))]) {
			const block = await bytesAt(file, at + 1024, 1024);
			// s_magic; s_blocks_count_lo, s_log_block_size (Linux, Documentation/filesystems/ext4/super.rst).
			if (block.length < 1024 || block.readUInt16LE(56) !== 0xef53) continue;
			const blockSize = 1024 * 2 ** block.readUInt32LE(24);
			found.push({ at, size: block.readUInt32LE(4) * blockSize, blockSize });
		}
		const largest = found.sort((a, b) => b.size - a.size)[0];
		if (largest) return largest;
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
