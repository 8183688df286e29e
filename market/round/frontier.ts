/** Lengths that are told apart, in cells: longer ones count as the longest. */
const lengths = 96;
const mostBlocks = 0xffff;

/**
 * Of a lane, which blocks need not be looked at for a stretch of cells: those before the first one that had a slot free for as
 * many cells or fewer from the same cell on. It holds as long as nothing is given back. For each first cell a tree of maxima
 * over lengths (Fenwick 1994).
 */
export class Frontier {
	readonly #blocks: Uint16Array;
	#isStale = false;

	constructor(cells: number) {
		this.#blocks = new Uint16Array(cells * lengths);
	}

	/** No block of the lane before this one has a slot that is free for all of it. */
	at(first: number, length: number): number {
		if (this.#isStale) this.#blocks.fill(0);
		this.#isStale = false;
		let most = 0;
		for (let n = Math.min(length, lengths); n > 0; n -= n & -n)
			most = Math.max(most, this.#blocks[first * lengths + n - 1] as number);
		return most;
	}

	/** It was seen that none before `block` has. */
	raise(first: number, length: number, block: number): void {
		// It says nothing of shorter ones.
		if (this.#isStale || length > lengths) return;
		const value = Math.min(block, mostBlocks);
		for (let n = length; n <= lengths; n += n & -n) {
			const at = first * lengths + n - 1;
			if ((this.#blocks[at] as number) < value) this.#blocks[at] = value;
		}
	}

	/** Something was given back. */
	forget(): void {
		this.#isStale = true;
	}
}
