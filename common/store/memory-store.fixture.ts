import type { Collection, ListOptions, Store, Transaction } from './store.ts';

/** A store without a disk, for tests that make many thousand commits; documents are kept as text, as on disk. */
export interface MemoryStore extends Store {
	/** Every text of every document that was ever committed, oldest first. */
	readonly committed: readonly { collection: string; id: string; document: unknown }[];
	/** Called before a commit; what it throws makes the commit fail. */
	beforeCommit: (() => void) | undefined;
}

export function createMemoryStore(): MemoryStore {
	let state = new Map<string, string>();
	let last: Promise<unknown> = Promise.resolve();
	const committed: { collection: string; id: string; document: unknown }[] = [];

	const open = (documents: Map<string, string>, changes: (() => void)[]): Transaction => {
		const key = (collection: { readonly name: string }, id: string) => `${collection.name}\n${id}`;
		const read = <T>(collection: Collection<T>, id: string): T | undefined => {
			const text = documents.get(key(collection, id));
			return text === undefined ? undefined : collection.schema.parse(JSON.parse(text));
		};
		const list = <T>(collection: Collection<T>, { where, after, limit }: ListOptions = {}) => {
			const prefix = `${collection.name}\n`;
			const ids = [...documents.keys()]
				.filter(each => each.startsWith(prefix))
				.map(each => each.slice(prefix.length));
			const found = ids
				.sort()
				.filter(id => after === undefined || id > after)
				.map(id => ({ id, document: read(collection, id) as T }));
			return found
				.filter(
					({ document }) =>
						!where || [collection.indexes[where.index]?.(document)].flat().includes(where.equals),
				)
				.slice(0, limit);
		};
		const put = <T>(collection: Collection<T>, id: string, document: T) => {
			const text = JSON.stringify(collection.schema.parse(document));
			documents.set(key(collection, id), text);
			changes.push(() => committed.push({ collection: collection.name, id, document: JSON.parse(text) }));
		};
		return {
			get: async (collection, id) => read(collection, id),
			list: async (collection, options) => list(collection, options),
			count: async (collection, where) => list(collection, where && { where }).length,
			put: async (collection, id, document) => put(collection, id, document),
			async insert(collection, id, document) {
				if (read(collection, id)) throw new Error(`${id} is taken`);
				put(collection, id, document);
			},
			delete: async (collection, id) => documents.delete(key(collection, id)),
		};
	};
	const store: MemoryStore = {
		committed,
		beforeCommit: undefined,
		transact(work) {
			const run = last.then(async () => {
				const draft = new Map(state);
				const changes: (() => void)[] = [];
				const result = await work(open(draft, changes));
				store.beforeCommit?.();
				state = draft;
				for (const change of changes) change();
				return result;
			});
			last = run.catch(() => undefined);
			return run;
		},
		read: async work => work(open(new Map(state), [])),
		snapshot: () => Promise.reject(new Error('there is no file to copy')),
		close: async () => undefined,
	};
	return store;
}
