import { createCipheriv, randomBytes, randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runTool } from '../guest/tools.ts';
import type { FoundFileSystem } from './largest-file-system.ts';

/** Bytes: the largest piece that LUKS2 encrypts as one. */
const largestSector = 4096;
/** Bytes that cryptsetup keeps at the front for the header and the key slots: two MiB are enough for one slot. */
const headerSize = 2 * 2 ** 20;
/** Bytes encrypted at a time. */
const piece = 2 ** 20;

export interface ContainerOptions {
	/** A file that holds the key: any bytes. It should be random, for nothing is done to make guessing slow. */
	readonly keyFile: string;
	/** What is encrypted: so many bytes of a file from a place on. No block of a file system may be less than a sector. */
	readonly from: FoundFileSystem & { readonly file: string };
	/** A folder for what is only needed meanwhile; it will hold the container's own key for a moment. */
	readonly work: string;
}

/**
 * Makes a LUKS2 container of a file system: AES-256-XTS (LUKS2 On-Disk Format Specification 1.1.1).
 * cryptsetup(8) makes the header with a key made here; the sectors are encrypted here, for cryptsetup itself would want
 * root and the kernel's device mapper. Every sector is written: which ones are in use cannot be seen.
 * @param to the container's file; it must not be there
 * @returns the container's UUID
 * @throws BimetalError PartMissing, GuestNotBuilt
 */
export async function makeLuksContainer(
	to: string,
	{ keyFile, from, work }: ContainerOptions,
): Promise<string> {
	const uuid = randomUUID();
	const sector = Math.min(from.blockSize, largestSector);
	const size = Math.ceil(from.size / largestSector) * largestSector;
	const secrets = await mkdtemp(path.join(work, 'key-'));
	const volumeKey = randomBytes(64);
	try {
		const keyOfVolume = path.join(secrets, 'volume-key');
		await writeFile(keyOfVolume, volumeKey, { mode: 0o600 });
		await writeFile(to, '', { flag: 'wx', mode: 0o600 });
		await truncate(to, headerSize + size);
		await runTool(
			work,
			'cryptsetup',
			...['luksFormat', '--batch-mode', '--type', 'luks2', '--uuid', uuid],
			...['--cipher', 'aes-xts-plain64', '--key-size', '512', '--sector-size', String(sector)],
			// A key that is random needs no slow derivation, and a node in the airlock no gigabyte for it.
			...['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--hash', 'sha256'],
			...['--luks2-metadata-size', '16k', '--luks2-keyslots-size', `${(headerSize - 32 * 1024) / 1024}k`],
			...['--offset', String(headerSize / 512), '--key-file', keyFile, '--volume-key-file', keyOfVolume, to],
		);
		await encryptSectors(to, { from, sector }, volumeKey);
		return uuid;
	} catch (fault) {
		await rm(to, { force: true });
		throw fault;
	} finally {
		volumeKey.fill(0);
		await rm(secrets, { recursive: true });
	}
}

async function encryptSectors(
	to: string,
	{ from, sector }: Pick<ContainerOptions, 'from'> & { readonly sector: number },
	volumeKey: Buffer,
): Promise<void> {
	const source = await open(from.file, 'r');
	const target = await open(to, 'r+');
	try {
		for (let at = 0; at < from.size; at += piece) {
			const plain = await piecePlain(source, from, at);
			const encrypted = Buffer.alloc(plain.length);
			for (let inside = 0; inside < plain.length; inside += sector)
				encryptSector(volumeKey, (at + inside) / 512, plain.subarray(inside, inside + sector)).copy(
					encrypted,
					inside,
				);
			await target.write(encrypted, 0, encrypted.length, headerSize + at);
		}
		await target.sync();
	} finally {
		await source.close();
		await target.close();
	}
}

/** Whole sectors of any size; the last one is filled up with zeros. */
async function piecePlain(source: FileHandle, from: ContainerOptions['from'], at: number): Promise<Buffer> {
	const wanted = Math.min(piece, from.size - at);
	const plain = Buffer.alloc(Math.ceil(wanted / largestSector) * largestSector);
	let read = 0;
	while (read < wanted) {
		const { bytesRead } = await source.read(plain, read, wanted - read, from.at + at + read);
		// A file that is shorter than its file system says goes on with zeros.
		if (bytesRead === 0) break;
		read += bytesRead;
	}
	return plain;
}

/** `plain64`: the number of the sector's first 512 bytes, little-endian (dm-crypt, without `iv_large_sectors`). */
function encryptSector(key: Buffer, number: number, plain: Buffer): Buffer {
	const tweak = Buffer.alloc(16);
	tweak.writeBigUInt64LE(BigInt(number));
	return createCipheriv('aes-256-xts', key, tweak).setAutoPadding(false).update(plain);
}
