import { indexValues } from './document-text.ts';
import { type Change, type Documents, definitionOf } from './postgres-documents.ts';
import { Draft } from './postgres-draft.ts';
import type { Collection } from './store.ts';

/** What transactions that share a turn know and have written; from the beginning of the turn to its end. */
export class Group {
	readonly draft = new Draft();
	/** By which indexes the entries of each collection are made by now: see `definitionOf`. */
	readonly defined: Map<string, string>;
	/** Entries of a collection were made anew, at the server. */
	hasRebuilt = false;
	/** Why nothing can be made of it any more. */
	lost: { readonly reason: unknown } | undefined;
	readonly #documents: Documents;
	/** The definition by which each collection was used last. */
	#prepared = new Map<string, Collection<never>>();
	#preparing = new Map<string, Promise<void>>();

	constructor(documents: Documents, defined: ReadonlyMap<string, string>) {
		this.#documents = documents;
		this.defined = new Map(defined);
	}

	/** Sees to it that the entries of a collection are made by its indexes; undefined: they are. */
	prepareIndexes<T>(collection: Collection<T>): Promise<void> | undefined {
		const { name } = collection;
		const used = collection as unknown as Collection<never>;
		if (this.#prepared.get(name) === used) return undefined;
		const before = this.#preparing.get(name);
		if (before) return before.then(() => this.prepareIndexes(collection));
		const definition = definitionOf(collection);
		if (this.defined.get(name) === definition) {
			this.#prepared.set(name, used);
			return undefined;
		}
		const made = this.#rebuild(used, definition).finally(() => this.#preparing.delete(name));
		this.#preparing.set(name, made);
		return made;
	}

	async #rebuild(collection: Collection<never>, definition: string): Promise<void> {
		this.hasRebuilt = true;
		try {
			await this.#documents.rebuildIndexes(collection);
		} catch (reason) {
			// Half of it may have been made.
			this.lost ??= { reason };
			throw reason;
		}
		this.defined.set(collection.name, definition);
		this.#prepared.set(collection.name, collection);
	}

	/** What is to be sent of the drafts. */
	changes(): Change[] {
		const changes: Change[] = [];
		for (const { name, id, drafted } of this.draft.all()) {
			const { text } = drafted;
			const by = this.#prepared.get(name) ?? drafted.collection;
			const isSame = text === undefined || by === drafted.collection;
			const isNew = this.draft.isAbsent(name, id);
			if (text === undefined && isNew) continue;
			changes.push({
				...{ collection: name, id, text, isNew },
				values: isSame ? drafted.values : indexValues(by, id, text),
				isIndexed: Object.keys(by.indexes).length > 0,
			});
		}
		return changes;
	}

	/** What was supposed not to be there, and is not sent as new: so that it has to be looked at. */
	suppositions(): { readonly collection: string; readonly id: string }[] {
		return [...this.draft.supposed()].filter(
			({ collection, id }) => this.draft.drafted(collection, id)?.text === undefined,
		);
	}
}
