import type { Collection } from './store.ts';

/** What an index says of a document, and its name. */
type Values = readonly (readonly [string, string])[];
type Indexed = Collection<never>;

/** What was written to a document and not sent to the server yet. */
export interface Drafted {
	/** Undefined: it was deleted. */
	readonly text: string | undefined;
	/** What the indexes of this collection say of it. */
	readonly collection: Indexed;
	readonly values: Values;
}

/** What is known of a document at the server, without asking it. */
interface Stored {
	/** Undefined: there is none. */
	readonly text: string | undefined;
	/** That is only supposed, and to be looked at when the drafts are sent. */
	readonly isSupposed: boolean;
}

/** Documents of the server's that are remembered: a transaction that reads very many need not keep all of them. */
const mostRemembered = 20_000;

/**
 * What a group of transactions has read of the server, and written without having sent it: whoever reads looks here first. All of
 * it is of one moment, the group's snapshot, and forgotten with the group.
 */
export class Draft {
	#drafted = new Map<string, DraftedCollection>();
	#stored = new Map<string, Map<string, Stored>>();
	#remembered = 0;
	/** How to put back what the transaction that is under way has written, oldest first. */
	#undo: (() => void)[] = [];

	/** Undefined: the server is to be asked. */
	find(collection: string, id: string): { readonly text: string | undefined } | undefined {
		return this.#drafted.get(collection)?.documents.get(id) ?? this.#stored.get(collection)?.get(id);
	}

	/** The server was asked. */
	remember(collection: string, id: string, text: string | undefined): void {
		if (this.#remembered < mostRemembered) this.#store(collection, id, { text, isSupposed: false });
	}

	/** There is no such document, unless it turns out otherwise when all is sent. */
	suppose(collection: string, id: string): void {
		this.#store(collection, id, { text: undefined, isSupposed: true });
	}

	#store(collection: string, id: string, stored: Stored): void {
		const known = this.#stored.get(collection) ?? new Map<string, Stored>();
		this.#stored.set(collection, known);
		// What was supposed is still to be looked at, whatever a list has shown since.
		if (known.get(id)?.isSupposed) return;
		if (!known.has(id)) this.#remembered++;
		known.set(id, stored);
	}

	write<T>(collection: Collection<T>, id: string, text: string | undefined, values: Values): void {
		const documents = this.#drafted.get(collection.name) ?? new DraftedCollection();
		this.#drafted.set(collection.name, documents);
		const before = documents.documents.get(id);
		documents.set(id, { text, collection: collection as unknown as Indexed, values });
		this.#undo.push(() => documents.set(id, before));
	}

	/** What the transaction has written stays. */
	keep(): void {
		this.#undo = [];
	}

	/** What the transaction has written is taken back; what it has learnt of the server holds. */
	takeBack(): void {
		for (const each of this.#undo.reverse()) each();
		this.#undo = [];
	}

	/** What is drafted of a collection; undefined when there is nothing. */
	of(collection: string): DraftedCollection | undefined {
		const found = this.#drafted.get(collection);
		return found && found.documents.size > 0 ? found : undefined;
	}

	drafted(collection: string, id: string): Drafted | undefined {
		return this.#drafted.get(collection)?.documents.get(id);
	}

	/** Whether there is none at the server, as far as is known. */
	isAbsent(collection: string, id: string): boolean {
		const stored = this.stored(collection, id);
		return stored !== undefined && stored.text === undefined;
	}

	/** What is at the server, where that is known. */
	stored(collection: string, id: string): { readonly text: string | undefined } | undefined {
		return this.#stored.get(collection)?.get(id);
	}

	/** All that is to be sent. */
	*all(): Generator<{ readonly name: string; readonly id: string; readonly drafted: Drafted }> {
		for (const [name, { documents }] of this.#drafted)
			for (const [id, drafted] of documents) yield { name, id, drafted };
	}

	/** What was supposed not to be there. */
	*supposed(): Generator<{ readonly collection: string; readonly id: string }> {
		for (const [collection, known] of this.#stored)
			for (const [id, { isSupposed }] of known) if (isSupposed) yield { collection, id };
	}
}

/** Drafts of one collection, and by what its indexes say of them. */
class DraftedCollection {
	readonly documents = new Map<string, Drafted>();
	#byValue = new Map<string, Set<string>>();
	/** The one that all of them were written by; undefined when they were not written by the same. */
	#by: Indexed | undefined;

	/** `drafted` undefined: nothing was written to it after all. */
	set(id: string, drafted: Drafted | undefined): void {
		for (const key of keysOf(this.documents.get(id)?.values)) this.#byValue.get(key)?.delete(id);
		if (!drafted) {
			this.documents.delete(id);
			return;
		}
		if (this.documents.size === 0) this.#by = drafted.collection;
		else if (this.#by !== drafted.collection) this.#by = undefined;
		this.documents.set(id, drafted);
		for (const key of keysOf(drafted.values)) {
			const ids = this.#byValue.get(key) ?? new Set();
			this.#byValue.set(key, ids.add(id));
		}
	}

	/** Documents that are there, and of which an index says this; `valuesOf` says what another definition's indexes do. */
	*having(
		collection: Indexed,
		where: { readonly index: string; readonly equals: string } | undefined,
		valuesOf: (id: string, text: string) => Values,
	): Generator<{ readonly id: string; readonly text: string }> {
		const isSame = this.#by === collection;
		const ids =
			where && isSame ? (this.#byValue.get(keyOf(where.index, where.equals)) ?? []) : this.documents.keys();
		for (const id of ids) {
			const text = this.documents.get(id)?.text;
			if (text === undefined) continue;
			if (!where || isSame || says(valuesOf(id, text), where)) yield { id, text };
		}
	}
}

/** Whether one of the values is the one that is looked for. */
export const says = (values: Values, where: { readonly index: string; readonly equals: string }): boolean =>
	values.some(([name, value]) => name === where.index && value === where.equals);

const keyOf = (name: string, value: string): string => `${name}\0${value}`;
const keysOf = (values: Values = []): string[] => values.map(([name, value]) => keyOf(name, value));
