import type { DatabaseSync } from 'node:sqlite';
import { storeCorrupt, storeUnsupported } from './errors.ts';

/** `BIMT` in the database's header, so that another program's file is not taken for ours. */
const applicationId = 0x42494d54;
const schemaVersion = 1;

/**
 * Takes the exclusive lock, checks whose database it is and of which version, and creates the tables in a new one.
 *
 * @throws BimetalError StoreCorrupt (another program's), StoreUnsupported (a newer version); SQLite's own errors
 */
export function prepareDatabase(db: DatabaseSync, file: string): void {
	// UTF-16 big-endian, because SQLite compares bytes and the store sorts ids by code unit; it only takes effect
	// before the first table is there.
	db.exec("PRAGMA encoding = 'UTF-16be'");
	// Before the journal mode: so the lock is held from the first access to the last.
	// NORMAL: commits are synced by write-ahead-log.ts, and all else by SQLite.
	db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
	db.exec('PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF');
	// Kibibytes of pages in memory, where SQLite takes 2,000: what is read again and again is not fetched from the file each time.
	// The log is written to its places between groups, when it has been synced: in a commit that would take long.
	db.exec('PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 0');
	db.exec('BEGIN IMMEDIATE');
	try {
		checkOwner(db, file);
		if (number(db, 'user_version') === 0) createTables(db);
		db.exec('COMMIT');
	} catch (error) {
		if (db.isTransaction) db.exec('ROLLBACK');
		throw error;
	}
}

function checkOwner(db: DatabaseSync, file: string): void {
	const version = number(db, 'user_version');
	const owner = number(db, 'application_id');
	const tables = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n);
	const fresh = version === 0 && owner === 0 && tables === 0;
	if (!fresh && owner !== applicationId) throw storeCorrupt(file, "another program's database");
	if (version > schemaVersion) {
		throw storeUnsupported(file, `its version ${version} is newer than this program's ${schemaVersion}`);
	}
}

function createTables(db: DatabaseSync): void {
	db.exec(`
		CREATE TABLE documents (
			collection TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL,
			PRIMARY KEY (collection, id)
		) WITHOUT ROWID, STRICT;
		CREATE TABLE index_entries (
			collection TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
			PRIMARY KEY (collection, name, value, id)
		) WITHOUT ROWID, STRICT;
		CREATE INDEX index_entries_of_document ON index_entries (collection, id);
		CREATE TABLE index_definitions (
			collection TEXT NOT NULL PRIMARY KEY, definition TEXT NOT NULL
		) WITHOUT ROWID, STRICT;
		PRAGMA application_id = ${applicationId};
		PRAGMA user_version = ${schemaVersion};
	`);
}

/** From now on, writes that would make the database larger than `bytes` fail as on a full disk. */
export function limitSize(db: DatabaseSync, bytes: number): void {
	db.exec(`PRAGMA max_page_count = ${Math.floor(bytes / pageSize(db))}`);
}

/** Bytes. */
export const pageSize = (db: DatabaseSync): number => number(db, 'page_size');

function number(db: DatabaseSync, pragma: 'user_version' | 'application_id' | 'page_size'): number {
	return Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}
