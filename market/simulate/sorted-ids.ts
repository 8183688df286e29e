/**
 * Ids in the order of their code units, in short pieces: to put one in or take one out moves few others, however many there are.
 * They are put in order when they are first listed: of many millions, nobody ever asks for that.
 */
export class SortedIds {
	#unsorted: Set<string> | undefined = new Set();
	readonly #pieces: string[][] = [];
	#size = 0;

	get size(): number {
		return this.#unsorted?.size ?? this.#size;
	}

	/** Does nothing when it is there. */
	add(id: string): void {
		if (this.#unsorted) {
			this.#unsorted.add(id);
			return;
		}
		const n = this.#pieceOf(id);
		const piece = this.#pieces[n];
		if (!piece) {
			this.#pieces.push([id]);
			this.#size++;
			return;
		}
		const at = placeIn(piece, id);
		if (piece[at] === id) return;
		piece.splice(at, 0, id);
		this.#size++;
		if (piece.length > longest) this.#pieces.splice(n + 1, 0, piece.splice(longest / 2));
	}

	/** Does nothing when it is not there. */
	delete(id: string): void {
		if (this.#unsorted) {
			this.#unsorted.delete(id);
			return;
		}
		const n = this.#pieceOf(id);
		const piece = this.#pieces[n];
		if (!piece) return;
		const at = placeIn(piece, id);
		if (piece[at] !== id) return;
		piece.splice(at, 1);
		this.#size--;
		if (piece.length === 0) this.#pieces.splice(n, 1);
	}

	/** Those after `after` (all when it is absent), `limit` of them at most. */
	list(after: string | undefined, limit = Number.POSITIVE_INFINITY): string[] {
		if (this.#unsorted) this.#sort(this.#unsorted);
		const found: string[] = [];
		let n = after === undefined ? 0 : this.#pieceOf(after);
		let from = 0;
		const first = this.#pieces[n];
		if (after !== undefined && first) {
			from = placeIn(first, after);
			if (first[from] === after) from++;
		}
		for (; n < this.#pieces.length && found.length < limit; n++) {
			const piece = this.#pieces[n] as string[];
			for (let at = from; at < piece.length && found.length < limit; at++) found.push(piece[at] as string);
			from = 0;
		}
		return found;
	}

	#sort(ids: ReadonlySet<string>): void {
		const sorted = [...ids].sort();
		for (let from = 0; from < sorted.length; from += longest / 2)
			this.#pieces.push(sorted.slice(from, from + longest / 2));
		this.#size = sorted.length;
		this.#unsorted = undefined;
	}

	/** The piece in which it is, or would be. */
	#pieceOf(id: string): number {
		let low = 0;
		let high = this.#pieces.length - 1;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (((this.#pieces[middle] as string[]).at(-1) as string) < id) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

const longest = 512;

/** Where the first id that is not before `id` stands. */
function placeIn(ids: readonly string[], id: string): number {
	let low = 0;
	for (let high = ids.length; low < high; ) {
		const middle = (low + high) >>> 1;
		if ((ids[middle] as string) < id) low = middle + 1;
		else high = middle;
	}
	return low;
}
