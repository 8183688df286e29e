import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type {
	Collection,
	ListOptions,
	ReadTransaction,
	Store,
	Transaction,
} from '../../common/store/store.ts';
import { SortedIds } from './sorted-ids.ts';

/** A collection's documents, with its ids, and those of each value of each index, in order. */
interface Shelf {
	readonly documents: Map<string, unknown>;
	readonly ids: SortedIds;
	readonly indexes: readonly {
		readonly of: (document: never) => Values;
		readonly lists: Lists;
	}[];
	readonly byName: ReadonlyMap<string, Lists>;
}
/** By the value; where there is one id, as for most values, that alone. */
type Lists = Map<string, string | SortedIds>;
type Values = string | readonly string[] | undefined;

/**
 * A store in memory for markets that are played through: nothing is copied or kept, so that millions of records come and go in
 * a minute. Transactions and reads come one after another; one that fails is undone. Documents are handed out as they were put
 * in, and are not to be changed, as their types say.
 */
export function createTransientStore(): Store {
	const shelves = new Map<string, Shelf>();
	let last: Promise<unknown> = Promise.resolve();

	function shelfOf({ name, indexes }: Collection<never>): Shelf {
		const found = shelves.get(name);
		if (found) return found;
		const all = Object.entries(indexes).map(([index, of]) => ({ index, of, lists: new Map() as Lists }));
		const byName = new Map(all.map(({ index, lists }) => [index, lists]));
		const made: Shelf = { documents: new Map(), ids: new SortedIds(), indexes: all, byName };
		shelves.set(name, made);
		return made;
	}

	function set(shelf: Shelf, id: string, document: unknown): void {
		const { documents, ids, indexes } = shelf;
		const before = documents.get(id);
		for (const { of, lists } of indexes) {
			const had = before === undefined ? undefined : of(before as never);
			const has = document === undefined ? undefined : of(document as never);
			if (had === has) continue;
			for (const value of allOf(had)) removeFrom(lists, value, id);
			for (const value of allOf(has)) addTo(lists, value, id);
		}
		if (document === undefined) {
			if (documents.delete(id)) ids.delete(id);
			return;
		}
		if (before === undefined) ids.add(id);
		documents.set(id, document);
	}

	const select = (shelf: Shelf, where: ListOptions['where']): string | SortedIds =>
		where ? (shelf.byName.get(where.index)?.get(where.equals) ?? none) : shelf.ids;
	const reading: ReadTransaction = {
		get: async <T>(collection: Collection<T>, id: string) =>
			shelfOf(collection as never).documents.get(id) as T | undefined,
		async list<T>(collection: Collection<T>, { where, after, limit }: ListOptions = {}) {
			const shelf = shelfOf(collection as never);
			const found = select(shelf, where);
			const ids = typeof found === 'string' ? oneOf(found, after, limit) : found.list(after, limit);
			return ids.map(id => ({ id, document: shelf.documents.get(id) as T }));
		},
		async count(collection, where) {
			const found = select(shelfOf(collection as never), where);
			return typeof found === 'string' ? 1 : found.size;
		},
	};
	const writing = (undo: (() => void)[]): Transaction => {
		function change<T>(collection: Collection<T>, id: string, document: T | undefined): boolean {
			const shelf = shelfOf(collection as never);
			const before = shelf.documents.get(id);
			undo.push(() => set(shelf, id, before));
			set(shelf, id, document);
			return before !== undefined;
		}
		return {
			...reading,
			put: async (collection, id, document) => void change(collection, id, document),
			async insert(collection, id, document) {
				if (shelfOf(collection as never).documents.has(id))
					throw new BimetalError('StoreConflict', `${collection.name} ${id} is there already`, {
						status: 409,
					});
				change(collection, id, document);
			},
			delete: async (collection, id) => change(collection, id, undefined),
		};
	};
	const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
		const run = last.then(work);
		last = run.catch(() => undefined);
		return run;
	};
	return {
		read: work => inTurn(() => work(reading)),
		transact: work =>
			inTurn(async () => {
				const undo: (() => void)[] = [];
				try {
					return await work(writing(undo));
				} catch (fault) {
					for (const each of undo.reverse()) each();
					throw fault;
				}
			}),
		snapshot: () => Promise.reject(new Error('there is no file to copy')),
		close: async () => undefined,
	};
}

const none = new SortedIds();

const oneOf = (id: string, after: string | undefined, limit = 1): string[] =>
	limit > 0 && (after === undefined || after < id) ? [id] : [];

function addTo(lists: Lists, value: string, id: string): void {
	const known = lists.get(value);
	if (known === undefined || known === id) {
		lists.set(value, id);
		return;
	}
	if (typeof known !== 'string') {
		known.add(id);
		return;
	}
	const both = new SortedIds();
	both.add(known);
	both.add(id);
	lists.set(value, both);
}

function removeFrom(lists: Lists, value: string, id: string): void {
	const known = lists.get(value);
	if (known === id) lists.delete(value);
	if (known === undefined || typeof known === 'string') return;
	known.delete(id);
	if (known.size === 0) lists.delete(value);
}

const allOf = (values: Values): readonly string[] =>
	values === undefined ? [] : typeof values === 'string' ? [values] : values;
