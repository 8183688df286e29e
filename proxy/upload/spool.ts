import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolderDurably, syncFolder } from '../../common/store/durable-file.ts';
import { proxyErrors } from '../errors.ts';
import { release } from './release.ts';

export interface SpoolOptions {
	/** Of its own: whatever else has the name of an image in it is removed when the proxy starts. */
	readonly folder: string;
	/** Bytes of all images together. */
	readonly total: number;
	/** Bytes of the disk that are left free in any case: the audit log and the store must go on. */
	readonly free: number;
	/** Free bytes of the folder's disk; asked of the system when absent. */
	readonly freeBytes?: ((folder: string) => Promise<number>) | undefined;
}

/** One image on its way into the spool. */
export interface SpooledFile {
	readonly name: string;
	write(bytes: Uint8Array): Promise<void>;
	/** The image is whole: on disk for good, and takes up no more room than it has bytes. */
	finish(): Promise<void>;
	/** Removes it, whole or not. */
	discard(): Promise<void>;
}

/** Images that were uploaded and wait to be sent: one file each, readable by the proxy alone. */
export interface Spool {
	/** Sets room aside for an image of up to `size` bytes. Throws SpoolFull or DiskFull. */
	create(size: number): Promise<SpooledFile>;
	/**
	 * Its bytes in pieces, each valid until the next one is asked for: ask once it has left for good, as who waits for
	 * `drain` does. Throws ImageGone.
	 */
	read(name: string): AsyncIterable<Buffer>;
	/** Bytes; undefined when there is no such image. */
	size(name: string): Promise<number | undefined>;
	remove(name: string): Promise<void>;
	/** After a start: removes what nobody waits for. Returns how many there were. */
	sweep(wanted: ReadonlySet<string>): Promise<number>;
	/** Bytes that are taken or set aside. */
	used(): number;
}

const namePattern = /^[0-9a-f]{32}\.image$/;
/** Bytes: more than sockets take in before they ask to wait, so that no second piece is asked for before that. */
const pieceSize = 128 * 1024;

export async function openSpool(options: SpoolOptions): Promise<Spool> {
	const { folder, total, free, freeBytes = askSystem } = options;
	await makeFolderDurably(folder);
	/** Bytes by name. */
	const taken = new Map<string, number>();
	const used = () => [...taken.values()].reduce((sum, size) => sum + size, 0);
	for (const name of await readdir(folder)) {
		if (namePattern.test(name)) taken.set(name, (await stat(join(folder, name))).size);
	}

	const remove = async (name: string): Promise<void> => {
		if (!namePattern.test(name)) throw new Error(`${name} is no image's name`);
		await rm(join(folder, name), { force: true });
		taken.delete(name);
	};

	const write = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
		for (let at = 0; at < bytes.length; ) {
			const { bytesWritten } = await file.write(bytes, at).catch(refuseFull);
			at += bytesWritten;
		}
	};

	return {
		async create(size) {
			const name = `${randomBytes(16).toString('hex')}.image`;
			if (used() + size > total) {
				throw proxyErrors.SpoolFull(
					`images of ${used()} bytes are kept or on their way, and ${total} is the most; try again when some of them are decided on`,
				);
			}
			// From here on the room is this one's: two that begin at once do not both count on it.
			taken.set(name, size);
			let file: FileHandle;
			try {
				const left = await freeBytes(folder);
				if (left - size < free)
					throw proxyErrors.DiskFull(`the proxy's disk has ${left} bytes left, too few for ${size} more`);
				file = await open(join(folder, name), 'wx', 0o600).catch(refuseFull);
			} catch (fault) {
				taken.delete(name);
				throw fault;
			}
			let written = 0;
			let isOpen = true;
			const close = async () => {
				if (!isOpen) return;
				isOpen = false;
				await file.close();
			};
			return {
				name,
				async write(bytes) {
					await write(file, bytes);
					written += bytes.length;
				},
				async finish() {
					await file.sync().catch(refuseFull);
					await close();
					await syncFolder(folder);
					taken.set(name, written);
				},
				async discard() {
					await close().catch(() => undefined); // it is removed in any case
					await remove(name);
				},
			};
		},
		async *read(name) {
			const file = await openImage(folder, name);
			try {
				for (;;) {
					const piece = await readPiece(file);
					if (piece.length === 0) return;
					yield piece;
					release(piece);
				}
			} finally {
				await file.close();
			}
		},
		async size(name) {
			const found = namePattern.test(name) && (await stat(join(folder, name)).catch(() => undefined));
			return found ? found.size : undefined;
		},
		remove,
		async sweep(wanted) {
			const lost = [...taken.keys()].filter(name => !wanted.has(name));
			for (const name of lost) await remove(name);
			return lost.length;
		},
		used,
	};
}

/** Whole, but for the last one, which may be empty. */
async function readPiece(file: FileHandle): Promise<Buffer> {
	// A new one each time: were one used again that is still on its way, other bytes would be sent than were hashed.
	const piece = Buffer.allocUnsafeSlow(pieceSize);
	for (let filled = 0; ; ) {
		const { bytesRead } = await file.read(piece, filled, pieceSize - filled, null);
		filled += bytesRead;
		if (filled === pieceSize || bytesRead === 0) return piece.subarray(0, filled);
	}
}

async function openImage(folder: string, name: string): Promise<FileHandle> {
	if (!namePattern.test(name)) throw proxyErrors.ImageGone('the request names no image of this proxy');
	try {
		return await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW);
	} catch (cause) {
		throw proxyErrors.ImageGone('the image is no longer kept here', { cause });
	}
}

/** A disk that is full answers for itself; any other fault of it is the proxy's. */
function refuseFull(fault: NodeJS.ErrnoException): never {
	if (fault.code === 'ENOSPC' || fault.code === 'EDQUOT' || fault.code === 'EFBIG')
		throw proxyErrors.DiskFull('there is no room for the image on the proxy’s disk', { cause: fault });
	throw fault;
}

async function askSystem(folder: string): Promise<number> {
	const { bavail, bsize } = await statfs(folder);
	return bavail * bsize;
}
