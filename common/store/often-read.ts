interface Read {
	readonly collection: string;
	readonly id: string;
	/** Groups of transactions that have asked for it. */
	groups: number;
	/** The last of them, counted from the first one. */
	last: number;
}

/** Documents that are kept an eye on, and read beforehand; characters of one that is. */
const [mostKnown, mostWanted, largest] = [512, 64, 16_384];
/** Groups after which one is not expected to be asked for any more. */
const patience = 8;

/**
 * Which documents nearly every transaction asks for, one after another: balances, counters. They are read together as a group of
 * transactions begins, which spares a way to the server and back for each.
 */
export class OftenRead {
	/** Those that were asked for longest ago first. */
	#reads = new Map<string, Read>();
	#group = 0;

	/** A new group begins. What it will want to know. */
	begin(): Pick<Read, 'collection' | 'id'>[] {
		this.#group++;
		return [...this.#reads.values()]
			.filter(({ groups, last }) => groups > 1 && this.#group - last <= patience)
			.slice(-mostWanted);
	}

	/** Somebody has asked for it. */
	note(collection: string, id: string, text: string | undefined): void {
		const key = `${collection}\n${id}`;
		const found = this.#reads.get(key);
		if (found?.last === this.#group) return;
		this.#reads.delete(key);
		if (text !== undefined && text.length > largest) return;
		this.#reads.set(key, { collection, id, groups: (found?.groups ?? 0) + 1, last: this.#group });
		const [oldest] = this.#reads.keys();
		if (this.#reads.size > mostKnown && oldest !== undefined) this.#reads.delete(oldest);
	}
}
