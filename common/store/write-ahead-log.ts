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
	/** To be called when the database is closed. */
	close(): Promise<void>;
}

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
	// https://www.sqlite.org/fileformat2.html#walformat: a header of 32 bytes, then frames of a header of 24 and a page. What was
	// written since the log began anew has the salts of the log's header; older frames, which are behind them, have others.
	const frame = 32 + (long - 1) * (24 + pageSize);
	const salts = (position: number): Buffer => {
		const bytes = Buffer.alloc(8);
		return bytes.subarray(0, readSync(handle.fd, bytes, 0, bytes.length, position));
	};
	return {
		sync: () => sync(handle),
		isLong() {
			const last = salts(frame + 8);
			return last.length === 8 && last.equals(salts(16));
		},
		close: () => handle.close(),
	};
}
