import { chmod, type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BimetalError } from '../errors/bimetal-error.ts';
import {
	checkDocument,
	checkId,
	checkList,
	decodeDocument,
	indexValues,
	indexValuesOf,
} from './document-text.ts';
import { makeFolderDurably, syncFolder } from './durable-file.ts';
import { storeConflict, storeCorrupt, storeFailed, storeLocked, storeUnsupported } from './errors.ts';
import { createGroupCommit } from './group-commit.ts';
import { whileOpen } from './open-transaction.ts';
import { checkpoint, closeUnwritten, takeBackLog } from './sqlite-checkpoint.ts';
import { limitSize, pageSize, prepareDatabase } from './sqlite-schema.ts';
import type { Collection, ListOptions, ReadTransaction, Store, Transaction } from './store.ts';
import { openWriteAheadLog, type SyncFile, type WriteAheadLog } from './write-ahead-log.ts';

/**
 * The store of one machine: SQLite with a write-ahead log, which is synced after each (grouped) commit before anybody
 * hears of it (decision 44). SQLite's own exclusive lock keeps other processes out; the kernel drops it when the process
 * dies.
 *
 * @param options.largestSize bytes that the database may grow to; without it, as much as there is room for
 * @param options.longLog pages in the log before they go to their places: what is written again and again does so less often
 * @param options.sync how its files are synced
 * @throws BimetalError StoreLocked, StoreCorrupt, StoreUnsupported (a newer version, or a Node without node:sqlite), StoreFailed
 *   (what is there already cannot be synced)
 */
export async function openSqliteStore(options: {
	file: string;
	largestSize?: number;
	longLog?: number;
	sync?: SyncFile;
}): Promise<Store> {
	const { file, longLog: long = 4000, sync = handle => handle.datasync() } = options;
	const sqlite = await import('node:sqlite').catch(error => {
		throw storeUnsupported(file, 'this Node has no node:sqlite; use the lowdb engine', error);
	});
	await makeFolderDurably(dirname(file));
	await makeFile(file);
	await syncFolder(dirname(file));
	takeBackLog(file);
	const db = new sqlite.DatabaseSync(file);
	try {
		prepareDatabase(db, file);
		if (options.largestSize !== undefined) limitSize(db, options.largestSize);
		const log = await openWriteAheadLog({ file, pageSize: pageSize(db), long, sync }).catch(error => {
			throw storeFailed(file, false, error);
		});
		return storeOver(db, { file, log, sync });
	} catch (error) {
		db.close();
		throw named(file, error);
	}
}

/** SQLite gives its log the permissions of the database. */
async function makeFile(file: string): Promise<void> {
	try {
		await (await open(file, 'wx', 0o600)).close();
	} catch (error) {
		if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
	}
	// By its name: a process that closes a file loses all locks that it has on it, those of a store that is open as well.
	await chmod(file, 0o600);
}

function storeOver(
	db: DatabaseSync,
	of: { readonly file: string; readonly log: WriteAheadLog; readonly sync: SyncFile },
): Store {
	const { file, log } = of;
	const statements = prepareStatements(db);
	/** By collection name, the definition by which its index entries on disk were made. */
	const indexed = new Map<string, object>();
	let indexedInGroup = new Map<string, object>();
	/** SQLite ends a transaction by itself when the disk fails; nothing more may run in that group. */
	let lost: { reason: unknown } | undefined;
	/** Once a sync has failed, nobody knows what is on the disk, and a later one that succeeds says nothing of it. */
	let failed: BimetalError | undefined;
	/** Of the database, and only while this store has it open: see makeFile. */
	let handle: FileHandle | undefined;
	/** Rows written since the database was opened: those that are on the disk, at least. */
	let synced = statements.written();

	async function sync(): Promise<void> {
		const written = statements.written();
		if (written === synced) return;
		try {
			await log.sync();
		} catch (error) {
			failed = storeFailed(file, true, error);
			throw failed;
		}
		synced = written;
	}

	const group = createGroupCommit<Transaction>({
		begin() {
			if (failed) throw failed;
			indexedInGroup = new Map(indexed);
			lost = undefined;
			outside(() => db.exec('BEGIN IMMEDIATE'));
		},
		async attempt(work) {
			if (lost) throw lost.reason;
			const known = new Map(indexedInGroup);
			let fault: { reason: unknown } | undefined;
			const run: Run = call => {
				if (fault) throw fault.reason;
				try {
					return call();
				} catch (error) {
					if (resultCode(error) !== undefined) fault = { reason: named(file, error) };
					throw fault?.reason ?? error;
				}
			};
			db.exec('SAVEPOINT attempt');
			try {
				const result = await whileOpen(writer(statements, run, known), work);
				// Even if `work` took no notice: half of a write may have been made.
				if (fault) throw fault.reason;
				db.exec('RELEASE attempt');
				indexedInGroup = known;
				return result;
			} catch (error) {
				if (!db.isTransaction) lost = { reason: error };
				else db.exec('ROLLBACK TO attempt; RELEASE attempt');
				throw error;
			}
		},
		async commit() {
			if (lost) throw lost.reason;
			try {
				db.exec('COMMIT');
			} catch (error) {
				if (db.isTransaction) db.exec('ROLLBACK');
				throw named(file, error);
			}
			for (const [name, collection] of indexedInGroup) indexed.set(name, collection);
			await sync();
		},
		async rest() {
			if (failed) return;
			try {
				if (!log.isLong()) return;
				// A read may have made an index since, or a group that came to nothing.
				await sync();
				handle ??= await open(file, 'r+');
				const database = handle;
				// Where there is no room, the log grows, and it is tried again after the next group.
				await checkpoint(db, { log, syncDatabase: () => of.sync(database) });
			} catch (error) {
				failed ??= storeFailed(file, true, error);
			}
		},
		isFatal: error => error === failed || (error instanceof BimetalError && isInputOutputError(error.cause)),
	});

	function outside<R>(call: () => R): R {
		try {
			return call();
		} catch (error) {
			throw named(file, error);
		}
	}

	function prepareIndexes<T>(collection: Collection<T>): void {
		if (indexed.get(collection.name) === collection) return;
		db.exec('BEGIN IMMEDIATE');
		try {
			statements.rebuildIndexes(collection);
			db.exec('COMMIT');
		} catch (error) {
			if (db.isTransaction) db.exec('ROLLBACK');
			throw error;
		}
		indexed.set(collection.name, collection);
	}

	let closing: Promise<void> | undefined;
	return {
		transact: work => group.transact(work),
		read: work => group.betweenGroups(() => whileOpen(reader(statements, outside, prepareIndexes), work)),
		snapshot: copy =>
			group.betweenGroups(async () => {
				// SQLite takes an empty file, and would give a new one more rights than its owner's.
				await (await open(copy, 'wx', 0o600)).close();
				outside(() => db.prepare('VACUUM INTO ?').run(copy));
			}),
		close() {
			closing ??= group.drain().then(async () => {
				if (failed) closeUnwritten(db, file);
				else db.close();
				await handle?.close();
				await log.close();
			});
			return closing;
		},
	};
}

type Statements = ReturnType<typeof prepareStatements>;
/** Names of indexes, and what they say of a document. */
type Values = readonly (readonly [string, string])[];

function prepareStatements(db: DatabaseSync) {
	const get = db.prepare('SELECT document FROM documents WHERE collection = ? AND id = ?');
	const list = db.prepare(
		'SELECT id, document FROM documents WHERE collection = ? AND id > ? ORDER BY id LIMIT ?',
	);
	const listWhere = db.prepare(
		`SELECT e.id, d.document FROM index_entries e CROSS JOIN documents d
			ON d.collection = e.collection AND d.id = e.id
			WHERE e.collection = ? AND e.name = ? AND e.value = ? AND e.id > ? ORDER BY e.id LIMIT ?`,
	);
	const count = db.prepare('SELECT count(*) AS n FROM documents WHERE collection = ?');
	const countWhere = db.prepare(
		'SELECT count(*) AS n FROM index_entries WHERE collection = ? AND name = ? AND value = ?',
	);
	const has = db.prepare('SELECT 1 FROM documents WHERE collection = ? AND id = ?');
	const insert = db.prepare('INSERT INTO documents (collection, id, document) VALUES (?, ?, ?)');
	const put = db.prepare(
		`INSERT INTO documents (collection, id, document) VALUES (?, ?, ?)
			ON CONFLICT (collection, id) DO UPDATE SET document = excluded.document`,
	);
	const remove = db.prepare('DELETE FROM documents WHERE collection = ? AND id = ?');
	const addEntry = db.prepare('INSERT INTO index_entries (collection, name, value, id) VALUES (?, ?, ?, ?)');
	const entries = db.prepare('SELECT name, value FROM index_entries WHERE collection = ? AND id = ?');
	const removeEntry = db.prepare(
		'DELETE FROM index_entries WHERE collection = ? AND name = ? AND value = ? AND id = ?',
	);
	const removeEntries = db.prepare('DELETE FROM index_entries WHERE collection = ? AND id = ?');
	const definition = db.prepare('SELECT definition FROM index_definitions WHERE collection = ?');
	const define = db.prepare(
		`INSERT INTO index_definitions (collection, definition) VALUES (?, ?)
			ON CONFLICT (collection) DO UPDATE SET definition = excluded.definition`,
	);
	const forget = db.prepare('DELETE FROM index_entries WHERE collection = ?');
	const total = db.prepare('SELECT total_changes() AS n');

	/** `isNew`: there is no such document yet. */
	function write(collection: string, id: string, text: string, values: Values, isNew: boolean): void {
		(isNew ? insert : put).run(collection, id, text);
		// Of a document that is written again and again, most entries stay as they are.
		const there = isNew ? [] : entries.all(collection, id).map(row => [String(row.name), String(row.value)]);
		const isIn = (list: readonly (readonly string[])[], [name, value]: readonly string[]): boolean =>
			list.some(([otherName, otherValue]) => otherName === name && otherValue === value);
		for (const [name = '', value = ''] of there)
			if (!isIn(values, [name, value])) removeEntry.run(collection, name, value, id);
		for (const [name, value] of values)
			if (!isIn(there, [name, value])) addEntry.run(collection, name, value, id);
	}

	/**
	 * Makes the index entries of a collection anew when its indexes are others than those by which the entries were
	 * made. Goes by the functions' texts: what a function calls is not looked at.
	 */
	function rebuildIndexes<T>(collection: Collection<T>): void {
		const wanted = JSON.stringify(
			Object.keys(collection.indexes)
				.sort()
				.map(name => [name, String(collection.indexes[name])]),
		);
		if (text(definition, 'definition', collection.name) === wanted) return;
		forget.run(collection.name);
		for (const row of list.iterate(collection.name, '', -1)) {
			const id = String(row.id);
			for (const [name, value] of indexValues(collection, id, String(row.document))) {
				addEntry.run(collection.name, name, value, id);
			}
		}
		define.run(collection.name, wanted);
	}

	return {
		rebuildIndexes,
		write,
		/** Rows, since the database was opened. */
		written: () => Number(total.get()?.n),
		get: (collection: string, id: string) => text(get, 'document', collection, id),
		has: (collection: string, id: string) => has.get(collection, id) !== undefined,
		list: (collection: string, { where, after = '', limit = -1 }: ListOptions) =>
			where
				? listWhere.all(collection, where.index, where.equals, after, limit)
				: list.all(collection, after, limit),
		count: (collection: string, where: ListOptions['where']) =>
			Number((where ? countWhere.get(collection, where.index, where.equals) : count.get(collection))?.n),
		delete(collection: string, id: string): boolean {
			removeEntries.run(collection, id);
			return Number(remove.run(collection, id).changes) > 0;
		},
	};
}

function text(statement: StatementSync, column: string, ...keys: string[]): string | undefined {
	const row = statement.get(...keys);
	return row === undefined ? undefined : String(row[column]);
}

/** Makes calls of the database, turning its errors into the store's. */
type Run = <R>(call: () => R) => R;
type PrepareIndexes = <T>(collection: Collection<T>) => void;

function reader(statements: Statements, run: Run, prepareIndexes: PrepareIndexes): ReadTransaction {
	return {
		async get(collection, id) {
			checkId(collection, id);
			const found = run(() => statements.get(collection.name, id));
			return found === undefined ? undefined : decodeDocument(collection, id, found);
		},
		async list(collection, options = {}) {
			checkList(collection, options);
			const rows = run(() => {
				if (options.where) prepareIndexes(collection);
				return statements.list(collection.name, options);
			});
			return rows.map(row => {
				const id = String(row.id);
				return { id, document: decodeDocument(collection, id, String(row.document)) };
			});
		},
		async count(collection, where) {
			checkList(collection, where ? { where } : {});
			return run(() => {
				if (where) prepareIndexes(collection);
				return statements.count(collection.name, where);
			});
		},
	};
}

function writer(statements: Statements, run: Run, known: Map<string, object>): Transaction {
	const prepareIndexes: PrepareIndexes = collection => {
		if (known.get(collection.name) === collection) return;
		statements.rebuildIndexes(collection);
		known.set(collection.name, collection);
	};
	const write = <T>(collection: Collection<T>, id: string, given: T, isNew: boolean) => {
		const { text, document } = checkDocument(collection, id, given);
		prepareIndexes(collection);
		statements.write(collection.name, id, text, indexValuesOf(collection, id, document), isNew);
	};
	return {
		...reader(statements, run, prepareIndexes),
		async put(collection, id, document) {
			checkId(collection, id);
			run(() => write(collection, id, document, false));
		},
		async insert(collection, id, document) {
			checkId(collection, id);
			run(() => {
				if (statements.has(collection.name, id)) throw storeConflict(collection.name, id);
				write(collection, id, document, true);
			});
		},
		async delete(collection, id) {
			checkId(collection, id);
			return run(() => {
				prepareIndexes(collection);
				return statements.delete(collection.name, id);
			});
		},
	};
}

/** Result codes: https://www.sqlite.org/rescode.html (the low byte is the primary one). */
const busy = 5;
const inputOutput = 10;
const corrupt = 11;
const notADatabase = 26;

function resultCode(error: unknown): number | undefined {
	if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
		return undefined;
	return error.errcode & 0xff;
}

function isInputOutputError(error: unknown): boolean {
	return resultCode(error) === inputOutput;
}

/** SQLite's errors in the store's own words; other errors as they are. */
function named(file: string, error: unknown): unknown {
	const code = resultCode(error);
	if (code === undefined || !(error instanceof Error)) return error;
	if (code === busy) return storeLocked(file, 'another process');
	if (code === corrupt || code === notADatabase) return storeCorrupt(file, error.message, error);
	return storeFailed(file, code === inputOutput, error);
}
