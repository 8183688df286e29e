import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './durable-file.ts';

/** How a file is put on the disk: rejects when it may not be there. */
export type SyncFile = (handle: FileHandle) => Promise<void>;

/** The write-ahead log of a database that SQLite has open with `synchronous = NORMAL`: there it writes commits, and syncs them not. */
export interface WriteAheadLog {
	/** Resolves when everything that was committed before the call is on the disk; the event loop goes on meanwhile. */
	sync(): Promise<void>;
	/** Whether so many pages are in it that they should go to their places. */
	isLong(): boolean;
	/**
	 * Makes what is in it count no more, on the disk, also for who opens the database next. Only for who has all of it in the
	 * database, and that on the disk.
	 */
	invalidate(): Promise<void>;
	/** Whether it has a header. */
	isValid(): boolean;
	/** To be called when the database is closed. */
	close(): Promise<void>;
}

/** https://www.sqlite.org/fileformat2.html#walformat: bytes of the log's header and of a frame's, and where they have their salts. */
const header = 32;
const frameHeader = 24;
const salts = { length: 8, inHeader: 16, inFrame: 8 };

/**
 * Opens the log beside SQLite, and syncs it: after a process was killed, commits can be in it that are seen, and not on
 * the disk. SQLite keeps this file, whatever it writes to it, until the database is closed.
 *
 * @param of.file the database's; SQLite must have made the log already
 * @param of.pageSize bytes
 * @param of.long pages
 */
export async function openWriteAheadLog(of: {
	readonly file: string;
	readonly pageSize: number;
	readonly long: number;
	readonly sync: SyncFile;
}): Promise<WriteAheadLog> {
	const { file, pageSize, long, sync } = of;
	const handle = await open(`${file}-wal`, 'r+');
	try {
		await sync(handle);
		await syncFolder(dirname(file));
	} catch (error) {
		await handle.close();
		throw error;
	}
	const read = (position: number, length: number): Buffer => {
		const bytes = Buffer.alloc(length);
		return bytes.subarray(0, readSync(handle.fd, bytes, 0, length, position));
	};
	const lastFrame = header + (long - 1) * (frameHeader + pageSize);
	return {
		sync: () => sync(handle),
		isLong() {
			// Frames that are older than the log's last beginning are behind those that count, and have other salts than its header.
			const last = read(lastFrame + salts.inFrame, salts.length);
			return last.length === salts.length && last.equals(read(salts.inHeader, salts.length));
		},
		async invalidate() {
			await handle.write(Buffer.alloc(header), 0, header, 0);
			await sync(handle);
		},
		isValid: () => read(0, header).some(byte => byte !== 0),
		close: () => handle.close(),
	};
}
