import { BimetalError } from '../errors/bimetal-error.ts';
import {
	checkDocument,
	checkId,
	checkList,
	decodeDocument,
	indexValues,
	indexValuesOf,
} from './document-text.ts';
import { storeConflict } from './errors.ts';
import type { OftenRead } from './often-read.ts';
import type { Documents } from './postgres-documents.ts';
import { says } from './postgres-draft.ts';
import type { Group } from './postgres-group.ts';
import type { Collection, ListOptions, ReadTransaction, Transaction } from './store.ts';

/** Sees to it that a collection can be looked up by its indexes; undefined: it can. */
export type PrepareIndexes = <T>(collection: Collection<T>) => Promise<void> | undefined;

/** Calls of one transaction. */
export interface Calls {
	run<R>(call: () => Promise<R>): Promise<R>;
	/** Why nothing more can be made of the server's transaction. */
	fault(): unknown;
	/** When all that was begun has ended, also what nobody waits for. Rejects if something in it has failed at the server. */
	ended(): Promise<void>;
}

export function createCalls(): Calls {
	const running = new Set<Promise<unknown>>();
	let fault: unknown;
	return {
		async run(call) {
			if (fault !== undefined) throw fault;
			const made = call();
			running.add(made);
			try {
				return await made;
			} catch (error) {
				// Even if `work` takes no notice.
				if (error instanceof BimetalError && /^Store(Failed|Locked)$/.test(error.code)) fault ??= error;
				throw error;
			} finally {
				running.delete(made);
			}
		},
		fault: () => fault,
		async ended() {
			while (running.size > 0) await Promise.allSettled(running);
			if (fault !== undefined) throw fault;
		},
	};
}

/** Reads what is at the server. */
export function createReader(
	documents: Documents,
	{ run }: Calls,
	prepareIndexes: PrepareIndexes,
): ReadTransaction {
	return {
		async get(collection, id) {
			checkId(collection, id);
			const found = await run(() => documents.get(collection.name, id));
			return found === undefined ? undefined : decodeDocument(collection, id, found);
		},
		async list(collection, options = {}) {
			checkList(collection, options);
			const found = await run(async () => {
				if (options.where) await prepareIndexes(collection);
				return documents.list(collection.name, options);
			});
			return found.map(({ id, text }) => ({ id, document: decodeDocument(collection, id, text) }));
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

interface WriterOptions {
	readonly documents: Documents;
	readonly group: Group;
	readonly calls: Calls;
	readonly often: OftenRead;
	/** Whether an id that is inserted is looked up first, instead of supposing that nobody has it. */
	readonly isCareful: boolean;
}

/**
 * Writes into the draft, and reads what is at the server as the draft has changed it. What is looked at and what is then written to
 * the draft come in the same turn, so that calls that are not waited for do not overtake each other in between.
 */
export function createWriter(options: WriterOptions): Transaction {
	const { documents, group, calls, often, isCareful } = options;
	const { draft } = group;

	async function ask(collection: string, id: string): Promise<{ readonly text: string | undefined }> {
		const text = await calls.run(() => documents.get(collection, id));
		draft.remember(collection, id, text);
		return draft.find(collection, id) ?? { text };
	}

	function prepare<T>(collection: Collection<T>): Promise<void> | undefined {
		const preparing = group.prepareIndexes(collection);
		return preparing && calls.run(() => preparing);
	}

	function write<T>(collection: Collection<T>, id: string, { text, document }: Checked<T>): void {
		draft.write(collection, id, text, indexValuesOf(collection, id, document));
	}

	return {
		async get(collection, id) {
			checkId(collection, id);
			const { name } = collection;
			const { text } = draft.find(name, id) ?? (await ask(name, id));
			often.note(name, id, text);
			return text === undefined ? undefined : decodeDocument(collection, id, text);
		},
		async list(collection, listed = {}) {
			checkList(collection, listed);
			if (listed.where) await prepare(collection);
			const found = await listDrafted(options, collection as never, listed);
			return found.map(({ id, text }) => ({ id, document: decodeDocument(collection, id, text) }));
		},
		async count(collection, where) {
			checkList(collection, where ? { where } : {});
			if (where) await prepare(collection);
			return countDrafted(options, collection as never, where);
		},
		async put(collection, id, document) {
			checkId(collection, id);
			const checked = checkDocument(collection, id, document);
			const preparing = prepare(collection);
			if (preparing) await preparing;
			write(collection, id, checked);
		},
		async insert(collection, id, document) {
			checkId(collection, id);
			const { name } = collection;
			const checked = checkDocument(collection, id, document);
			const preparing = prepare(collection);
			if (preparing) await preparing;
			const asked = isCareful && !draft.find(name, id) ? await ask(name, id) : undefined;
			const known = draft.find(name, id) ?? asked;
			if (known?.text !== undefined) throw storeConflict(name, id);
			if (!known) draft.suppose(name, id);
			write(collection, id, checked);
		},
		async delete(collection, id) {
			checkId(collection, id);
			const { name } = collection;
			const preparing = prepare(collection);
			if (preparing) await preparing;
			const asked = draft.find(name, id) ? undefined : await ask(name, id);
			if ((draft.find(name, id) ?? asked)?.text === undefined) return false;
			draft.write(collection, id, undefined, []);
			return true;
		},
	};
}

interface Checked<T> {
	readonly text: string;
	readonly document: T;
}
type Texts = { readonly id: string; readonly text: string }[];
type Where = NonNullable<ListOptions['where']>;
type Looked = Pick<WriterOptions, 'documents' | 'group' | 'calls'>;

/** Documents of the server's that are asked for beyond the limit at first, since some of them may be drafted otherwise. */
const some = 8;

async function listDrafted(
	{ documents, group: { draft }, calls }: Looked,
	collection: Collection<never>,
	options: ListOptions,
): Promise<Texts> {
	const { name } = collection;
	const { where, after, limit } = options;
	for (let more = some; ; more = draft.of(name)?.documents.size ?? 0) {
		const isPlain = !draft.of(name);
		const asked = limit === undefined || limit === 0 || isPlain ? limit : limit + more;
		const wider = { ...options, ...(asked !== undefined && { limit: asked }) };
		const stored = await calls.run(() => documents.list(name, wider));
		for (const { id, text } of stored) draft.remember(name, id, text);
		const drafted = draft.of(name);
		if (!drafted) return stored;
		// What comes after the last one that was shown may have others before it that were not.
		const isWhole = asked === undefined || stored.length < asked;
		const last = isWhole ? undefined : stored.at(-1)?.id;
		const own = [...drafted.having(collection, where, (id, text) => indexValues(collection, id, text))];
		const found = [
			...stored.filter(({ id }) => !drafted.documents.has(id)),
			...own.filter(({ id }) => (after === undefined || id > after) && (last === undefined || id <= last)),
		].sort((a, b) => (a.id < b.id ? -1 : 1));
		if (isWhole || found.length >= (limit ?? 0)) return found.slice(0, limit);
	}
}

async function countDrafted(
	{ documents, group: { draft }, calls }: Looked,
	collection: Collection<never>,
	where: Where | undefined,
): Promise<number> {
	const { name } = collection;
	const stored = await calls.run(() => documents.count(name, where));
	const texts = new Map<string, string | undefined>();
	for (;;) {
		const ids = [...(draft.of(name)?.documents.keys() ?? [])];
		const unknown = ids.filter(id => !texts.has(id) && !draft.stored(name, id));
		if (unknown.length === 0) break;
		const found = await calls.run(() => documents.getMany(unknown.map(id => ({ collection: name, id }))));
		for (const id of unknown) texts.set(id, undefined);
		for (const { id, text } of found) texts.set(id, text);
	}
	const drafted = draft.of(name);
	if (!drafted) return stored;
	const valuesOf = (id: string, text: string) => indexValues(collection, id, text);
	let counted = stored;
	for (const id of drafted.documents.keys()) {
		const text = draft.stored(name, id)?.text ?? texts.get(id);
		if (text !== undefined && (!where || says(valuesOf(id, text), where))) counted--;
	}
	for (const _ of drafted.having(collection, where, valuesOf)) counted++;
	return counted;
}
