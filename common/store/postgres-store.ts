import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { storeFailed, storeLocked, storeUncertain, storeUnsupported } from './errors.ts';
import { createGroupCommit } from './group-commit.ts';
import { OftenRead } from './often-read.ts';
import { whileOpen } from './open-transaction.ts';
import { agree } from './postgres-agreement.ts';
import { noteCommit, writtenSince } from './postgres-commits.ts';
import { type Connection, connectPostgres, isConflict } from './postgres-connection.ts';
import { type Change, createDocuments, type Documents, definitionOf } from './postgres-documents.ts';
import { Group } from './postgres-group.ts';
import { nameOf, type PostgresOptions } from './postgres-options.ts';
import { prepareSchema } from './postgres-schema.ts';
import { createCalls, createReader, createWriter, type PrepareIndexes } from './postgres-transaction.ts';
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
	const { schema } = options;
	/** What this process has said of what: its sessions say it, one after another. */
	const agreed = new Map<string, string>();
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
	const often = new OftenRead();
	/** By which indexes the entries in the database were made: see `definitionOf`. By collection. */
	let defined: ReadonlyMap<string, string> = new Map();
	let group = new Group(documents, defined);
	/** Ids were supposed to be free that are not: what supposed so is run again, and looks first. */
	const taken = storeFailed(where, false, new Error('an id is taken that was to be inserted'));
	let isCareful = false;

	async function reconnect(): Promise<void> {
		const next = await connectPostgres(options);
		try {
			await claim(next, options);
			for (const [topic, words] of agreed) {
				if (await agree(next, { schema, topic, words })) continue;
				throw storeLocked(where, `another process, which was told otherwise of the ${topic}`);
			}
		} catch (fault) {
			next.drop();
			throw fault;
		}
		connection = next;
		documents = createDocuments(next);
	}

	/**
	 * Begins a transaction, by a new session when the one at hand has been lost: nothing has been done yet. What it will want to
	 * know is asked for in the same breath.
	 */
	async function beginBy(text: string, wanted: Parameters<Documents['getMany']>[0] = []): Promise<Found> {
		const begin = async (): Promise<Found> => {
			const [begun, found] = await Promise.allSettled([
				connection.batch(text, head),
				documents.getMany(wanted),
			]);
			if (begun.status === 'rejected') throw begun.reason;
			if (found.status === 'rejected') throw found.reason;
			await notice(begun.value);
			return found.value;
		};
		const wasLost = connection.isLost;
		if (wasLost) await reconnect();
		try {
			return await begin();
		} catch (fault) {
			if (!connection.isLost) await giveUp();
			if (wasLost || !connection.isLost) throw fault;
			await reconnect();
			return begin();
		}
	}

	/** Tells those who keep something in memory of what others have written, in the transaction that sees it. */
	async function notice([found]: z.output<typeof head>[]): Promise<void> {
		if (!found) throw storeFailed(where, false, new Error('the row of `head` is gone'));
		if (found.generation === generation) return;
		const isKnown = generation !== undefined && followed.size > 0;
		const [written, definitions] = await Promise.all([
			isKnown
				? writtenSince(connection, { after: generation ?? '', until: found.generation }, followed)
				: ('unknown' as const),
			documents.definitions(),
		]);
		generation = found.generation;
		defined = definitions;
		for (const { names, listener } of followers) {
			if (written === 'unknown') listener(written);
			else listener(written.filter(({ collection }) => names.has(collection)));
		}
	}

	/** Ends the transaction without what it wrote; when even that fails, the session with it. */
	const giveUp = (of = connection): Promise<void> => of.run('ROLLBACK').catch(() => of.drop());

	const turns = createGroupCommit<Transaction>({
		async begin() {
			// LOCK takes no snapshot: what the transaction sees is what there is when its turn has come.
			const text = `BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE turns IN EXCLUSIVE MODE;
				SELECT generation::text FROM head`;
			const found = await beginBy(text, often.begin());
			group = new Group(documents, defined);
			for (const { collection, id, text: stored } of found) group.draft.remember(collection, id, stored);
		},
		async attempt(work) {
			const { draft, lost } = group;
			if (lost) throw lost.reason;
			const calls = createCalls();
			try {
				const tx = createWriter({ documents, group, calls, often, isCareful });
				const result = await whileOpen(tx, work);
				await calls.ended();
				draft.keep();
				return result;
			} catch (error) {
				await calls.ended().catch(() => undefined);
				draft.takeBack();
				// The server makes nothing more of a transaction in which a statement has failed.
				if (calls.fault() !== undefined) group.lost ??= { reason: calls.fault() };
				throw group.lost?.reason ?? error;
			}
		},
		async commit() {
			if (group.lost) {
				if (!connection.isLost) await giveUp();
				throw group.lost.reason;
			}
			const before = generation;
			let hasWritten = group.hasRebuilt;
			try {
				const changes = group.changes();
				hasWritten ||= changes.length > 0;
				generation = await send(changes, hasWritten);
				isCareful = false;
			} catch (fault) {
				isCareful = fault === taken;
				if (!connection.isLost) await giveUp();
				throw fault;
			}
			await commit(before, hasWritten);
			defined = group.defined;
		},
		isFatal: () => false,
		isConflict: fault => fault === taken || isConflict(fault),
		async beginReads() {
			await beginBy('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT generation::text FROM head');
		},
		async endReads() {
			// Nobody waits for it: what comes next is sent behind it.
			if (!connection.isLost) void giveUp();
		},
	});

	/** Sends what the group has written, all of it at once. The store's generation with that. */
	async function send(changes: readonly Change[], hasWritten: boolean): Promise<string | undefined> {
		const note = { writer, number: lastCommit + 1, written: changes, channel: watch.channel };
		const [found, written, noted] = await Promise.allSettled([
			documents.getMany(group.suppositions()),
			documents.write(changes),
			hasWritten ? noteCommit(connection, note) : generation,
		]);
		// In this order they were sent: what comes after one that has failed fails because of that.
		if (found.status === 'rejected') throw found.reason;
		if (written.status === 'rejected') throw written.reason;
		if (noted.status === 'rejected') throw noted.reason;
		if (found.value.length > 0 || !written.value) throw taken;
		if (hasWritten) lastCommit++;
		return noted.value;
	}

	async function commit(before: string | undefined, hasWritten: boolean): Promise<void> {
		try {
			await connection.commit();
		} catch (fault) {
			if (!connection.isLost) await giveUp();
			else if (hasWritten && (await isCommitted(fault))) return;
			generation = before;
			throw fault;
		}
	}

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
			const prepareIndexes: PrepareIndexes = collection => {
				if (defined.get(collection.name) === definitionOf(collection)) return undefined;
				stale = collection as unknown as Collection<never>;
				throw storeFailed(where, false, new Error(`the indexes of ${collection.name} are not made yet`));
			};
			const [outcome] = await Promise.allSettled([
				turns.betweenGroups(async () => {
					const calls = createCalls();
					const result = await whileOpen(createReader(documents, calls, prepareIndexes), work);
					await calls.ended();
					return result;
				}),
			]);
			if (outcome.status === 'fulfilled') return outcome.value;
			// Another version of this program may make them by other functions, again and again.
			const collection = stale as Collection<never> | undefined;
			if (!collection || tries === mostTries) throw outcome.reason;
			await turns.transact(tx => tx.count(collection, firstIndex(collection)));
		}
	}

	let closing: Promise<void> | undefined;
	return {
		transact: work => turns.transact(work),
		read,
		others: {
			follow(collections, listener) {
				for (const each of collections) followed.set(each.name, each);
				followers.push({ names: new Set(collections.map(({ name }) => name)), listener });
			},
			onNews: listener => watch.onNews(listener),
			stand: (role, candidate) => watch.stand(role, candidate),
			// Locks of a session outlast the transaction in which they are taken.
			agree: (topic, words) =>
				turns.betweenGroups(async () => {
					const isAgreed = await agree(connection, { schema, topic, words });
					if (isAgreed) agreed.set(topic, words);
					return isAgreed;
				}),
		},
		snapshot: () => Promise.reject(storeUnsupported(where, 'it is backed up by pg_dump, not here')),
		close() {
			closing ??= turns
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

type Found = Awaited<ReturnType<Documents['getMany']>>;
type Followed = Pick<Collection<unknown>, 'name' | 'schema'>;
type Follower = Parameters<Others['follow']>[1];
