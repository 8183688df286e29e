import { existsSync, renameSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { WriteAheadLog } from './write-ahead-log.ts';

/**
 * Writes the log to its places in the database, syncs that, and has the log begin anew, as SQLite's own checkpoints do, but
 * the process goes on while the disk is busy. Nobody may write meanwhile; others may read. Decision 44 says why it is safe.
 *
 * @param of.log synced; all of it is
 * @returns whether there was room
 * @throws Error when nobody knows what is on the disk: then only `closeUnwritten` may close the database
 */
export async function checkpoint(
	db: DatabaseSync,
	of: { readonly log: WriteAheadLog; syncDatabase(): Promise<void> },
): Promise<boolean> {
	const { log, syncDatabase } = of;
	db.exec('PRAGMA synchronous = OFF');
	try {
		const copied = copy(db);
		if (!copied) return false;
		await syncDatabase();
		// SQLite begins the log anew with the next commit. Were old frames still valid while new ones are on their way to the disk, they
		// could be taken for the last state of their pages after a power failure: that is what it syncs a new header for.
		await log.invalidate();
		const version = Number(db.prepare('PRAGMA user_version').get()?.user_version);
		db.exec(`PRAGMA user_version = ${version}`);
		if (!log.isValid()) throw new Error('SQLite has not begun its log anew');
		return true;
	} finally {
		db.exec('PRAGMA synchronous = NORMAL');
	}
}

/** All of it, or it is left for another time: a full disk takes no more pages. */
function copy(db: DatabaseSync): boolean {
	try {
		const result = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
		return result?.busy === 0 && result.log === result.checkpointed;
	} catch (error) {
		if (error instanceof Error && 'errcode' in error && error.errcode === full) return false;
		throw error;
	}
}

/** https://www.sqlite.org/rescode.html#full */
const full = 13;

/**
 * Closes a database of which the log may be needed to have it whole: SQLite takes what it has copied for being on the disk, and
 * would remove the log.
 */
export function closeUnwritten(db: DatabaseSync, file: string): void {
	// Where the folder is gone, there is nothing to be kept.
	if (!existsSync(`${file}-wal`)) {
		db.close();
		return;
	}
	renameSync(`${file}-wal`, keptLog(file));
	try {
		db.close();
	} finally {
		renameSync(keptLog(file), `${file}-wal`);
	}
}

/** Only for who is about to open it: takes back a log of a process that has died as it closed the database. */
export function takeBackLog(file: string): void {
	if (existsSync(keptLog(file)) && !existsSync(`${file}-wal`)) renameSync(keptLog(file), `${file}-wal`);
}

const keptLog = (file: string): string => `${file}-wal.kept`;
