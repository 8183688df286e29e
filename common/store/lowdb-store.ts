import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { z } from 'zod';
import { type Clock, systemClock } from '../clock.ts';
import { BimetalError } from '../errors/bimetal-error.ts';
import { checkId, checkList, decodeDocument, encodeDocument, indexValues } from './document-text.ts';
import { makeFolderDurably, removeUnfinishedWrites, writeFileDurably } from './durable-file.ts';
import { storeConflict, storeCorrupt, storeFailed, storeLocked, storeUnsupported } from './errors.ts';
import { lockFile } from './file-lock.ts';
import { createGroupCommit } from './group-commit.ts';
import { whileOpen } from './open-transaction.ts';
import type { Collection, ListOptions, ReadTransaction, Store, Transaction } from './store.ts';

const format = 1;

/** A document as text, so that nobody can change what is stored through a reference to it. */
interface Entry {
	readonly text: string;
	/** Per collection definition, what its indexes say; found when first asked for. */
	readonly values: WeakMap<object, ReadonlyMap<string, ReadonlySet<string>>>;
}
type Documents = ReadonlyMap<string, Entry>;
/** A state that was, or will be, on disk as a whole. Never changed once written. */
type State = ReadonlyMap<string, Documents>;
const none: Documents = new Map();

/**
 * The small store: one JSON file, all of it in memory, written whole at each (grouped) commit. For up to some
 * thousand documents. `<file>.lock` keeps other processes out.
 *
 * @throws BimetalError StoreLocked, StoreCorrupt, StoreUnsupported (a newer format)
 */
export async function openLowdbStore(options: { file: string; clock?: Clock }): Promise<Store> {
	const { file, clock = systemClock } = options;
	await makeFolderDurably(dirname(file));
	const lock = await lockFile(`${file}.lock`, clock);
	if (!lock.locked) throw storeLocked(file, lock.holder);
	try {
		await removeUnfinishedWrites(file);
		const low = new Low<State>(durableJsonFile(file), new Map());
		await low.read();
		return storeOver(low, file, () => lock.release());
	} catch (error) {
		await lock.release();
		throw error;
	}
}

function storeOver(low: Low<State>, file: string, release: () => Promise<void>): Store {
	let durable = low.data;
	let draft = new Map<string, Map<string, Entry>>();
	let changed = false;

	const group = createGroupCommit<Transaction>({
		begin() {
			draft = new Map();
			changed = false;
		},
		async attempt(work) {
			const overlay = new Map<string, Map<string, Entry | undefined>>();
			const committed = (name: string) => draft.get(name) ?? durable.get(name) ?? none;
			const result = await whileOpen(writer(committed, overlay), work);
			for (const [name, changes] of overlay) {
				const documents = draft.get(name) ?? new Map(durable.get(name));
				draft.set(name, documents);
				for (const [id, entry] of changes) {
					changed = true;
					if (entry) documents.set(id, entry);
					else documents.delete(id);
				}
			}
			return result;
		},
		async commit() {
			if (!changed) return;
			const next: State = new Map([...durable, ...draft]);
			low.data = next;
			try {
				await low.write();
			} catch (error) {
				low.data = durable;
				throw storeFailed(file, error instanceof BimetalError && error.code === 'WriteUncertain', error);
			}
			durable = next;
		},
		isFatal: error => error instanceof BimetalError && isUncertain(error.cause),
	});

	const sorted = new WeakMap<Documents, string[]>();
	const sortedOnce = (documents: Documents) => {
		const ids = sorted.get(documents) ?? sortedIds(documents);
		sorted.set(documents, ids);
		return ids;
	};

	let closing: Promise<void> | undefined;
	return {
		transact: work => group.transact(work),
		async read(work) {
			group.assertOpen();
			const snapshot = durable;
			return whileOpen(
				reader(name => snapshot.get(name) ?? none, sortedOnce),
				work,
			);
		},
		async snapshot(copy) {
			group.assertOpen();
			await writeFile(copy, renderState(durable), { flag: 'wx', mode: 0o600 });
		},
		close() {
			closing ??= group.drain().then(release);
			return closing;
		},
	};
}

function isUncertain(error: unknown): boolean {
	return error instanceof BimetalError && error.code === 'WriteUncertain';
}

function reader(documentsOf: (name: string) => Documents, sort = sortedIds): ReadTransaction {
	function* matching<T>(collection: Collection<T>, where: ListOptions['where'], after?: string) {
		const documents = documentsOf(collection.name);
		for (const id of sort(documents)) {
			if (after !== undefined && id <= after) continue;
			const entry = documents.get(id);
			if (!entry) continue;
			if (where && !valuesOf(collection, id, entry).get(where.index)?.has(where.equals)) continue;
			yield { id, entry };
		}
	}
	return {
		async get(collection, id) {
			checkId(collection, id);
			const entry = documentsOf(collection.name).get(id);
			return entry && decodeDocument(collection, id, entry.text);
		},
		async list<T>(collection: Collection<T>, options: ListOptions = {}) {
			checkList(collection, options);
			const found: { id: string; document: T }[] = [];
			for (const { id, entry } of matching(collection, options.where, options.after)) {
				if (found.length === options.limit) break;
				found.push({ id, document: decodeDocument(collection, id, entry.text) });
			}
			return found;
		},
		async count(collection, where) {
			checkList(collection, where ? { where } : {});
			if (!where) return documentsOf(collection.name).size;
			return [...matching(collection, where)].length;
		},
	};
}

function writer(
	committed: (name: string) => Documents,
	overlay: Map<string, Map<string, Entry | undefined>>,
): Transaction {
	const changesOf = (name: string) => {
		const changes = overlay.get(name) ?? new Map<string, Entry | undefined>();
		overlay.set(name, changes);
		return changes;
	};
	const find = (name: string, id: string) => {
		const changes = overlay.get(name);
		return changes?.has(id) ? changes.get(id) : committed(name).get(id);
	};
	const seen = (name: string): Documents => {
		const changes = overlay.get(name);
		if (!changes) return committed(name);
		const documents = new Map(committed(name));
		for (const [id, entry] of changes) {
			if (entry) documents.set(id, entry);
			else documents.delete(id);
		}
		return documents;
	};
	const write = <T>(collection: Collection<T>, id: string, document: T) => {
		const text = encodeDocument(collection, id, document);
		const entry: Entry = { text, values: new WeakMap() };
		valuesOf(collection, id, entry);
		changesOf(collection.name).set(id, entry);
	};
	return {
		...reader(seen),
		async get(collection, id) {
			checkId(collection, id);
			const entry = find(collection.name, id);
			return entry && decodeDocument(collection, id, entry.text);
		},
		async put(collection, id, document) {
			checkId(collection, id);
			write(collection, id, document);
		},
		async insert(collection, id, document) {
			checkId(collection, id);
			if (find(collection.name, id)) throw storeConflict(collection.name, id);
			write(collection, id, document);
		},
		async delete(collection, id) {
			checkId(collection, id);
			if (!find(collection.name, id)) return false;
			changesOf(collection.name).set(id, undefined);
			return true;
		},
	};
}

function valuesOf<T>(
	collection: Collection<T>,
	id: string,
	entry: Entry,
): ReadonlyMap<string, ReadonlySet<string>> {
	const known = entry.values.get(collection);
	if (known) return known;
	const values = new Map<string, Set<string>>();
	for (const [name, value] of indexValues(collection, id, entry.text)) {
		values.set(name, (values.get(name) ?? new Set()).add(value));
	}
	entry.values.set(collection, values);
	return values;
}

function sortedIds(documents: Documents): string[] {
	return [...documents.keys()].sort();
}

const fileSchema = z.strictObject({
	format: z.literal(format),
	// Not z.record: it drops the key __proto__, which is an id like any other.
	collections: z.custom<Record<string, Record<string, unknown>>>(
		value => isObject(value) && Object.values(value).every(isObject),
		'not collections of documents',
	),
});

function isObject(value: unknown): value is object {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function durableJsonFile(file: string): Adapter<State> {
	return {
		async read() {
			let text: string;
			try {
				text = await readFile(file, 'utf8');
			} catch (error) {
				if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
				throw error;
			}
			return parseState(file, text);
		},
		write: state => writeFileDurably(file, renderState(state)),
	};
}

function parseState(file: string, text: string): State {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		throw storeCorrupt(file, error instanceof Error ? error.message : 'not JSON', error);
	}
	const version = z.looseObject({ format: z.int() }).safeParse(value);
	if (version.success && version.data.format > format) {
		throw storeUnsupported(file, `its format ${version.data.format} is newer than this program's ${format}`);
	}
	const parsed = fileSchema.safeParse(value);
	if (!parsed.success) throw storeCorrupt(file, z.prettifyError(parsed.error), parsed.error);
	const state = new Map<string, Documents>();
	for (const [name, documents] of Object.entries(parsed.data.collections)) {
		const entries = Object.entries(documents).map(([id, document]): [string, Entry] => [
			id,
			{ text: JSON.stringify(document), values: new WeakMap() },
		]);
		state.set(name, new Map(entries));
	}
	return state;
}

/** One document a line, so that people and diff can read it. */
function renderState(state: State): string {
	const collections = [...state].map(([name, documents]) => {
		const lines = [...documents].map(([id, entry]) => `${JSON.stringify(id)}:${entry.text}`);
		return `${JSON.stringify(name)}:{\n${lines.join(',\n')}\n}`;
	});
	return `{"format":${format},"collections":{\n${collections.join(',\n')}\n}}\n`;
}
