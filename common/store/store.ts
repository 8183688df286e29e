import type { z } from 'zod';

/**
 * A named set of documents. The schema is checked on every write and on every read from disk: a document
 * that does not fit is a fault (StoreCorrupt), never silently dropped.
 */
export interface Collection<T> {
	readonly name: string;
	readonly schema: z.ZodType<T>;
	/** Secondary look-ups by an exact string, or any of several, for instance `state: request => request.state`. */
	readonly indexes: Readonly<Record<string, (document: T) => string | readonly string[] | undefined>>;
}

export function defineCollection<T>(
	name: string,
	schema: z.ZodType<T>,
	indexes: Collection<T>['indexes'] = {},
): Collection<T> {
	return Object.freeze({ name, schema, indexes: Object.freeze({ ...indexes }) });
}

export interface ListOptions {
	/** Only documents whose index `index` equals `equals`. */
	readonly where?: { readonly index: string; readonly equals: string };
	/** Only ids that sort after this one (ids sort by code unit); for paging. */
	readonly after?: string;
	/** At most this many; all when absent. */
	readonly limit?: number;
}

export interface ReadTransaction {
	get<T>(collection: Collection<T>, id: string): Promise<T | undefined>;
	/** Documents with their ids, in the order of the ids. */
	list<T>(collection: Collection<T>, options?: ListOptions): Promise<{ id: string; document: T }[]>;
	count<T>(collection: Collection<T>, where?: ListOptions['where']): Promise<number>;
}

export interface Transaction extends ReadTransaction {
	/** Inserts or replaces. */
	put<T>(collection: Collection<T>, id: string, document: NoInfer<T>): Promise<void>;
	/** Inserts; throws StoreConflict when the id is taken. */
	insert<T>(collection: Collection<T>, id: string, document: NoInfer<T>): Promise<void>;
	/** True when there was such a document. */
	delete<T>(collection: Collection<T>, id: string): Promise<boolean>;
}

/**
 * Named collections with transactions: one interface, several engines, one contract suite.
 *
 * `transact` runs `work` against a consistent view, one at a time (serializable). When its promise resolves,
 * every write of it is on disk; when it rejects, none is made. An engine may run `work` again after a
 * conflict, so `work` touches nothing but the transaction it is given.
 */
export interface Store {
	transact<R>(work: (tx: Transaction) => Promise<R>): Promise<R>;
	read<R>(work: (tx: ReadTransaction) => Promise<R>): Promise<R>;
	/**
	 * Writes all that is committed at one moment to `file` (new; mode 0600), which the same engine can open. Others
	 * may go on reading and writing; the copy is not synced. Rejects with StoreUnsupported where the database has backups of
	 * its own.
	 */
	snapshot(file: string): Promise<void>;
	/** Of an engine that several processes have open at once; others do not have it. */
	readonly others?: Others;
	/** Waits for what is under way, then closes. Later calls reject with StoreClosed. */
	close(): Promise<void>;
}

/** A document that another process has written, as it is now. */
export interface Written {
	/** The collection's name. */
	readonly collection: string;
	readonly id: string;
	/** Undefined: there is none any more. */
	readonly document: unknown;
}

/** What processes that have the same store open need to know of each other. */
export interface Others {
	/**
	 * Before a transaction or a read begins that sees what others have written to these collections since the last one,
	 * `listener` is called with it; with `unknown` when too much was written to tell, or nobody knows what: then all is to be
	 * read anew. It must neither wait nor throw.
	 */
	follow(
		collections: readonly Pick<Collection<unknown>, 'name' | 'schema'>[],
		listener: (written: readonly Written[] | 'unknown') => void,
	): void;
	/** `listener` is called soon after others have written, and whenever it may have been missed that they did. */
	onNews(listener: () => void): void;
	/**
	 * Says what this process was told of a topic (one word), for as long as it has the store open. False: another one that has it
	 * open was told otherwise, and this one says nothing. Should that come to pass later, while this one was cut off, it can do
	 * nothing with the store any more (StoreLocked).
	 */
	agree(topic: string, words: string): Promise<boolean>;
	/**
	 * Stands for the lead in `role`, which at most one process has at a time. The candidate is told when it has won, and when it
	 * has lost again: it stands until it stands down. See leadership.ts for what makes that safe.
	 */
	stand(role: string, candidate: Candidate): Standing;
}

export interface Candidate {
	won(): void;
	lost(): void;
}

export interface Standing {
	/** Resolves when it has been tried once, with whatever outcome. */
	readonly tried: Promise<void>;
	/** Whether it has the lead for certain at this moment. */
	isHeld(): boolean;
	/** Gives up the lead, and lets others try before it does again. */
	resign(): void;
	/** Gives up the lead for good. */
	standDown(): Promise<void>;
}
