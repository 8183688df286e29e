import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type {
	Collection,
	ListOptions,
	ReadTransaction,
	Store,
	Transaction,
} from '../../common/store/store.ts';

/** A collection's documents, with its ids and those of each index's values in order. */
interface Shelf {
	readonly documents: Map<string, unknown>;
	readonly ids: string[];
	readonly byIndex: Map<string, string[]>;
}

/**
 * A store in memory for markets that are played through: nothing is copied or kept, so that millions of records come and go in
 * a minute. Transactions and reads come one after another; one that fails is undone. Documents are handed out as they were put
 * in, and are not to be changed, as their types say.
 */
export function createTransientStore(): Store {
	const shelves = new Map<string, Shelf>();
	let last: Promise<unknown> = Promise.resolve();

	const shelfOf = ({ name }: { readonly name: string }): Shelf => {
		const found = shelves.get(name) ?? { documents: new Map(), ids: [], byIndex: new Map() };
		shelves.set(name, found);
		return found;
	};

	function set<T>(collection: Collection<T>, id: string, document: T | undefined): void {
		const { documents, ids, byIndex } = shelfOf(collection);
		const before = documents.get(id) as T | undefined;
		if (before !== undefined)
			for (const key of keysOf(collection, before)) {
				const list = byIndex.get(key) ?? [];
				takeOut(list, id);
				if (list.length === 0) byIndex.delete(key);
			}
		if (document === undefined) {
			if (documents.delete(id)) takeOut(ids, id);
			return;
		}
		if (before === undefined) putIn(ids, id);
		documents.set(id, document);
		for (const key of keysOf(collection, document)) {
			const list = byIndex.get(key);
			if (list) putIn(list, id);
			else byIndex.set(key, [id]);
		}
	}

	const select = <T>(collection: Collection<T>, where: ListOptions['where']): readonly string[] => {
		const shelf = shelfOf(collection);
		return where ? (shelf.byIndex.get(keyOf(where.index, where.equals)) ?? []) : shelf.ids;
	};
	const reading: ReadTransaction = {
		get: async <T>(collection: Collection<T>, id: string) =>
			shelfOf(collection).documents.get(id) as T | undefined,
		async list<T>(collection: Collection<T>, { where, after, limit }: ListOptions = {}) {
			const ids = select(collection, where);
			const from = after === undefined ? 0 : placeAfter(ids, after);
			const { documents } = shelfOf(collection);
			return ids
				.slice(from, limit === undefined ? undefined : from + limit)
				.map(id => ({ id, document: documents.get(id) as T }));
		},
		count: async (collection, where) => select(collection, where).length,
	};
	const writing = (undo: (() => void)[]): Transaction => {
		function change<T>(collection: Collection<T>, id: string, document: T | undefined): boolean {
			const before = shelfOf(collection).documents.get(id) as T | undefined;
			undo.push(() => set(collection, id, before));
			set(collection, id, document);
			return before !== undefined;
		}
		return {
			...reading,
			put: async (collection, id, document) => void change(collection, id, document),
			async insert(collection, id, document) {
				if (shelfOf(collection).documents.has(id))
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

const keyOf = (index: string, value: string): string => `${index}\n${value}`;

const keysOf = <T>({ indexes }: Collection<T>, document: T): string[] =>
	Object.entries(indexes).flatMap(([index, of]) => {
		const values = of(document);
		if (values === undefined) return [];
		return typeof values === 'string'
			? [keyOf(index, values)]
			: [...new Set(values)].map(value => keyOf(index, value));
	});

/** Where the first id after `id` stands; ids go by code unit. */
function placeAfter(ids: readonly string[], id: string): number {
	// Numbered records come at the end, most of the time.
	if ((ids.at(-1) ?? '') <= id) return ids.length;
	let low = 0;
	for (let high = ids.length; low < high; ) {
		const middle = (low + high) >>> 1;
		if ((ids[middle] as string) <= id) low = middle + 1;
		else high = middle;
	}
	return low;
}

const putIn = (ids: string[], id: string): void => void ids.splice(placeAfter(ids, id), 0, id);

function takeOut(ids: string[], id: string): void {
	const at = placeAfter(ids, id) - 1;
	if (ids[at] === id) ids.splice(at, 1);
}
