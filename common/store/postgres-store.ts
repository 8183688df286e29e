import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { BimetalError } from '../errors/bimetal-error.ts';
import { checkId, checkList, decodeDocument, encodeDocument } from './document-text.ts';
import { storeConflict, storeFailed, storeLocked, storeUncertain, storeUnsupported } from './errors.ts';
import { createGroupCommit } from './group-commit.ts';
import { whileOpen } from './open-transaction.ts';
import { noteCommit, WrittenIds, writtenSince } from './postgres-commits.ts';
import { type Connection, connectPostgres, isConflict } from './postgres-connection.ts';
import { createDocuments, type Documents } from './postgres-documents.ts';
import { nameOf, type PostgresOptions } from './postgres-options.ts';
import { prepareSchema } from './postgres-schema.ts';
import { createPostgresWatch } from './postgres-watch.ts';
import type { Collection, Others, ReadTransaction, Store, Transaction } from './store.ts';

/** How often a read begins that finds indexes made by another version of this program. */
const mostTries = 3;
const head = z.object({ generation: z.string() });
const held = z.object({ held: z.boolean() });

/**
 * A store that several processes have open at once, on any machines: PostgreSQL, by one session. Writers of all processes
 * take turns by a lock of the server's, so each group of transactions sees all that was committed before, and there are no
 * conflicts among them; transactions are serializable all the same, and run again when something else has written. Reads see
 * one moment. A session that was lost is begun anew by the next call. A second session, opened when it is first needed, hears
 * of others' commits and holds what this process leads in.
 *
 * @throws BimetalError StoreFailed, StoreCorrupt, StoreUnsupported; StoreLocked when an older version has it alone
 */
export async function openPostgresStore(options: PostgresOptions): Promise<Store> {
	const first = await connectPostgres(options);
	try {
		await prepareSchema(first, options);
		await claim(first, options);
	} catch (fault) {
		first.drop();
		throw fault;
	}
	return storeOver(first, options);
}

/** Versions that take the store for one process alone ask for the same lock, and not to share it. */
async function claim(connection: Connection, options: PostgresOptions): Promise<void> {
	const key = `hashtextextended('bimetal ${options.schema}', 0)`;
	const [found] = await connection.batch(`SELECT pg_try_advisory_lock_shared(${key}) AS held`, held);
	if (!found?.held) throw storeLocked(nameOf(options), 'an older version of this program');
}

function storeOver(first: Connection, options: PostgresOptions): Store {
	const where = nameOf(options);
	/** Tells whether a commit of ours came to pass, when its answer was lost. */
	const writer = randomUUID();
	let lastCommit = 0;
	let connection = first;
	let documents = createDocuments(first);
	/** Grows with each commit of anybody's. */
	let generation: string | undefined;
	const followers: { readonly names: ReadonlySet<string>; readonly listener: Follower }[] = [];
	const followed = new Map<string, Followed>();
	const watch = createPostgresWatch(options, writer);
	/** By collection name, the definition by which its index entries in the database were made. */
	const indexed = new Map<string, object>();
	let indexedInGroup = new Map<string, object>();
	let hasWritten = false;
	/** The group's transaction has a savepoint. */
	let isSaved = false;
	let writtenInGroup = new WrittenIds();
	/** Ends the group, as the server has ended its transaction. */
	let lost: { reason: unknown } | undefined;

	async function reconnect(): Promise<void> {
		const next = await connectPostgres(options);
		try {
			await claim(next, options);
		} catch (fault) {
			next.drop();
			throw fault;
		}
		connection = next;
		documents = createDocuments(next);
	}

	/** Begins a transaction, by a new session when the one at hand has been lost: nothing has been done yet. */
	async function beginBy(text: string): Promise<void> {
		const wasLost = connection.isLost;
		if (wasLost) await reconnect();
		try {
			await notice(await connection.batch(text, head));
		} catch (fault) {
			if (!connection.isLost) await giveUp();
			if (wasLost || !connection.isLost) throw fault;
			await reconnect();
			await notice(await connection.batch(text, head));
		}
	}

	/** Tells those who keep something in memory of what others have written, in the transaction that sees it. */
	async function notice([found]: z.output<typeof head>[]): Promise<void> {
		if (!found) throw storeFailed(where, false, new Error('the row of `head` is gone'));
		if (found.generation === generation) return;
		const written =
			generation === undefined || followed.size === 0
				? 'unknown'
				: await writtenSince(connection, { after: generation, until: found.generation }, followed);
		generation = found.generation;
		indexed.clear();
		for (const { names, listener } of followers) {
			if (written === 'unknown') listener(written);
			else listener(written.filter(({ collection }) => names.has(collection)));
		}
	}

	/** Ends the transaction without what it wrote; when even that fails, the session with it. */
	const giveUp = (): Promise<void> => connection.run('ROLLBACK').catch(() => connection.drop());

	const group = createGroupCommit<Transaction>({
		async begin() {
			lost = undefined;
			hasWritten = false;
			isSaved = false;
			// LOCK takes no snapshot: what the transaction sees is what there is when its turn has come.
			await beginBy(`BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE turns IN EXCLUSIVE MODE;
				SELECT generation::text FROM head`);
			indexedInGroup = new Map(indexed);
			writtenInGroup = new WrittenIds();
		},
		async attempt(work) {
			if (lost) throw lost.reason;
			const known = new Map(indexedInGroup);
			const calls = inTurn();
			try {
				// The one before is released on the way.
				await connection.run(isSaved ? 'RELEASE attempt; SAVEPOINT attempt' : 'SAVEPOINT attempt');
				isSaved = true;
				const result = await whileOpen(createWriter(documents, calls, known), work);
				await calls.ended();
				indexedInGroup = known;
				hasWritten ||= calls.haveWritten();
				writtenInGroup.addAll(calls.written);
				return result;
			} catch (error) {
				await calls.ended().catch(() => undefined);
				const fault = calls.fault() ?? error;
				if (connection.isLost || isConflict(fault)) lost = { reason: fault };
				else {
					await connection.run('ROLLBACK TO attempt').catch(reason => {
						lost = { reason };
					});
				}
				throw fault;
			}
		},
		async commit() {
			if (lost) {
				if (!connection.isLost) await giveUp();
				throw lost.reason;
			}
			const before = generation;
			try {
				if (hasWritten) {
					const of = { writer, number: lastCommit + 1, ids: writtenInGroup, channel: watch.channel };
					generation = await noteCommit(connection, of);
					lastCommit++;
				}
			} catch (fault) {
				generation = before;
				if (!connection.isLost) await giveUp();
				throw fault;
			}
			await commit(before);
			for (const [name, collection] of indexedInGroup) indexed.set(name, collection);
		},
		isFatal: () => false,
		isConflict,
		beginReads: () =>
			beginBy('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT generation::text FROM head'),
		endReads: () => (connection.isLost ? Promise.resolve() : giveUp()),
	});

	async function commit(before: string | undefined): Promise<void> {
		try {
			await connection.commit();
		} catch (fault) {
			if (!connection.isLost) await giveUp();
			else if (hasWritten && (await isCommitted(fault))) return;
			generation = before;
			throw fault;
		}
	}

	/** @throws BimetalError StoreUncertain when the server cannot be asked */
	async function isCommitted(fault: unknown): Promise<boolean> {
		let asked: Connection | undefined;
		try {
			asked = await connectPostgres(options);
			// Comes after the end of the session that was lost, which the server may not know of yet.
			const found = await asked.batch(
				`BEGIN; LOCK TABLE turns IN EXCLUSIVE MODE; SELECT last::text FROM writers WHERE writer = '${writer}'`,
				z.object({ last: z.string() }),
			);
			return found[0]?.last === String(lastCommit);
		} catch {
			generation = undefined;
			throw storeUncertain(where, fault);
		} finally {
			asked?.drop();
		}
	}

	async function read<R>(work: (tx: ReadTransaction) => Promise<R>): Promise<R> {
		for (let tries = 1; ; tries++) {
			let stale: Collection<never> | undefined;
			const prepareIndexes: PrepareIndexes = async collection => {
				if (indexed.get(collection.name) === collection) return;
				if (!(await documents.hasIndexes(collection))) {
					stale = collection as unknown as Collection<never>;
					throw storeFailed(where, false, new Error(`the indexes of ${collection.name} are not made yet`));
				}
				indexed.set(collection.name, collection);
			};
			const [outcome] = await Promise.allSettled([
				group.betweenGroups(async () => {
					const calls = inTurn();
					const result = await whileOpen(createReader(documents, calls.run, prepareIndexes), work);
					await calls.ended();
					return result;
				}),
			]);
			if (outcome.status === 'fulfilled') return outcome.value;
			// Another version of this program may make them by other functions, again and again.
			const collection = stale as Collection<never> | undefined;
			if (!collection || tries === mostTries) throw outcome.reason;
			await group.transact(tx => tx.count(collection, firstIndex(collection)));
		}
	}

	let closing: Promise<void> | undefined;
	return {
		transact: work => group.transact(work),
		read,
		others: {
			follow(collections, listener) {
				for (const each of collections) followed.set(each.name, each);
				followers.push({ names: new Set(collections.map(({ name }) => name)), listener });
			},
			onNews: listener => watch.onNews(listener),
			stand: (role, candidate) => watch.stand(role, candidate),
		},
		snapshot: () => Promise.reject(storeUnsupported(where, 'it is backed up by pg_dump, not here')),
		close() {
			closing ??= group
				.drain()
				.then(() => watch.close())
				.then(() => connection.end());
			return closing;
		},
	};
}

const firstIndex = (collection: Collection<never>) => ({
	index: Object.keys(collection.indexes)[0] ?? '',
	equals: '',
});

type Followed = Pick<Collection<unknown>, 'name' | 'schema'>;
type Follower = Parameters<Others['follow']>[1];
type Run = <R>(call: () => Promise<R>) => Promise<R>;
type Calls = ReturnType<typeof inTurn>;
type PrepareIndexes = <T>(collection: Collection<T>) => Promise<void>;

/** Calls of one transaction, each of which is several statements, one after another. */
function inTurn() {
	let last: Promise<unknown> = Promise.resolve();
	let fault: unknown;
	const ids = new WrittenIds();
	let hasWritten = false;
	const run: Run = call => {
		const made = last.then(async () => {
			if (fault !== undefined) throw fault;
			try {
				return await call();
			} catch (error) {
				// Even if `work` takes no notice: half of a write may have been made.
				if (error instanceof BimetalError && /^Store(Failed|Locked)$/.test(error.code)) fault = error;
				throw error;
			}
		});
		last = made.catch(() => undefined);
		return made;
	};
	return {
		run,
		fault: () => fault,
		haveWritten: () => hasWritten,
		written: ids,
		write<R>(collection: string, id: string, call: () => Promise<R>): Promise<R> {
			hasWritten = true;
			ids.add(collection, id);
			return run(call);
		},
		noteWrite(): void {
			hasWritten = true;
		},
		/** When all that was begun has ended, also what nobody waits for. */
		async ended(): Promise<void> {
			await last;
			if (fault !== undefined) throw fault;
		},
	};
}

function createReader(documents: Documents, run: Run, prepareIndexes: PrepareIndexes): ReadTransaction {
	return {
		async get(collection, id) {
			checkId(collection, id);
			const found = await run(() => documents.get(collection.name, id));
			return found === undefined ? undefined : decodeDocument(collection, id, found);
		},
		async list(collection, options = {}) {
			checkList(collection, options);
			return run(async () => {
				if (options.where) await prepareIndexes(collection);
				return documents.list(collection, options);
			});
		},
		async count(collection, where) {
			checkList(collection, where ? { where } : {});
			return run(async () => {
				if (where) await prepareIndexes(collection);
				return documents.count(collection.name, where);
			});
		},
	};
}

function createWriter(
	documents: Documents,
	{ run, write, noteWrite }: Calls,
	known: Map<string, object>,
): Transaction {
	const prepareIndexes: PrepareIndexes = async collection => {
		if (known.get(collection.name) === collection) return;
		if (!(await documents.hasIndexes(collection))) {
			noteWrite();
			await documents.rebuildIndexes(collection);
		}
		known.set(collection.name, collection);
	};
	return {
		...createReader(documents, run, prepareIndexes),
		async put(collection, id, document) {
			checkId(collection, id);
			const encoded = encodeDocument(collection, id, document);
			await write(collection.name, id, async () => {
				await prepareIndexes(collection);
				await documents.put(collection, id, encoded);
			});
		},
		async insert(collection, id, document) {
			checkId(collection, id);
			const encoded = encodeDocument(collection, id, document);
			await write(collection.name, id, async () => {
				await prepareIndexes(collection);
				if (!(await documents.insert(collection, id, encoded))) throw storeConflict(collection.name, id);
			});
		},
		async delete(collection, id) {
			checkId(collection, id);
			return write(collection.name, id, async () => {
				await prepareIndexes(collection);
				return documents.delete(collection.name, id);
			});
		},
	};
}
