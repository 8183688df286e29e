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
		readonly lists: Map<string, SortedIds>;
	}[];
	readonly byName: ReadonlyMap<string, Map<string, SortedIds>>;
}
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
		const all = Object.entries(indexes).map(([index, of]) => ({ index, of, lists: new Map() }));
		const byName = new Map(all.map(({ index, lists }) => [index, lists]));
		const made: Shelf = { documents: new Map(), ids: new SortedIds(), indexes: all, byName };
		shelves.set(name, made);
		return made;
	}

	function set(shelf: Shelf, id: string, document: unknown): void {
		const { documents, ids, indexes } = shelf;
		const before = documents.get(id);
		for (const { of, lists } of indexes) {
			const [had, has] = [before, document].map(each => (each === undefined ? undefined : of(each as never)));
			if (had === has) continue;
			for (const value of allOf(had)) {
				const list = lists.get(value);
				list?.delete(id);
				if (list?.size === 0) lists.delete(value);
			}
			for (const value of allOf(has)) {
				const list = lists.get(value) ?? new SortedIds();
				list.add(id);
				lists.set(value, list);
			}
		}
		if (document === undefined) {
			if (documents.delete(id)) ids.delete(id);
			return;
		}
		if (before === undefined) ids.add(id);
		documents.set(id, document);
	}

	const select = (shelf: Shelf, where: ListOptions['where']): SortedIds =>
		where ? (shelf.byName.get(where.index)?.get(where.equals) ?? none) : shelf.ids;
	const reading: ReadTransaction = {
		get: async <T>(collection: Collection<T>, id: string) =>
			shelfOf(collection as never).documents.get(id) as T | undefined,
		async list<T>(collection: Collection<T>, { where, after, limit }: ListOptions = {}) {
			const shelf = shelfOf(collection as never);
			const ids = select(shelf, where).list(after, limit);
			return ids.map(id => ({ id, document: shelf.documents.get(id) as T }));
		},
		count: async (collection, where) => select(shelfOf(collection as never), where).size,
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

const allOf = (values: Values): readonly string[] =>
	values === undefined ? [] : typeof values === 'string' ? [values] : values;
