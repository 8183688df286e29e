import type { Interval } from '../calendar/interval.ts';
import type { Slot } from '../index/entry.ts';
import { freeOf } from './pool.ts';

/** Seconds of a cell: the shortest of these by which the whole time has at most so many cells. */
const lengths = [1, 60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400] as const;
const mostCells = 4096;
const blockSize = 64;

/** How a time is cut into cells. A cell counts as free only when all of it is. */
export class Grid {
	readonly start: number;
	readonly cell: number;
	readonly count: number;

	constructor({ start, end }: Interval) {
		this.cell = lengths.find(each => (end - start) / each <= mostCells - 2) ?? (lengths.at(-1) as number);
		this.start = start - (start % this.cell);
		this.count = Math.ceil((end - this.start) / this.cell);
	}

	/** The cells that an interval touches: from the first to the last, both included. */
	touched({ start, end }: Interval): readonly [number, number] {
		return [Math.floor((start - this.start) / this.cell), Math.ceil((end - this.start) / this.cell) - 1];
	}
}

/**
 * Which cells of which slots are taken, as bits: a row of words for each slot, and for each block of slots one that says
 * which cells are taken in all of them, so that blocks without room are passed over.
 */
export class Cells {
	readonly slots: readonly Slot[];
	readonly #grid: Grid;
	readonly #words: number;
	readonly #taken: Uint32Array;
	readonly #full: Uint32Array;

	constructor(slots: readonly Slot[], grid: Grid) {
		this.slots = slots;
		this.#grid = grid;
		this.#words = Math.ceil(grid.count / 32);
		this.#taken = new Uint32Array(slots.length * this.#words).fill(0xffffffff);
		this.#full = new Uint32Array(Math.ceil(slots.length / blockSize) * this.#words);
		const whole = { start: grid.start, end: grid.start + grid.count * grid.cell };
		for (const [n, slot] of slots.entries()) {
			for (const { start, end } of freeOf(slot, whole)) {
				const first = Math.ceil((start - grid.start) / grid.cell);
				const last = Math.floor((end - grid.start) / grid.cell) - 1;
				if (first <= last) this.#set(this.#taken, n, first, last, false);
			}
		}
		for (let block = 0; block * blockSize < slots.length; block++) this.#refresh(block, 0, this.#words - 1);
	}

	/** Calls `visit` with each slot that is free for all of the interval, in their order, until it returns false. */
	eachFree(interval: Interval, visit: (n: number) => boolean): void {
		const [first, last] = this.#grid.touched(interval);
		for (let block = 0; block * blockSize < this.slots.length; block++) {
			if (this.#any(this.#full, block, first, last)) continue;
			const end = Math.min((block + 1) * blockSize, this.slots.length);
			for (let n = block * blockSize; n < end; n++) {
				if (!this.#any(this.#taken, n, first, last) && !visit(n)) return;
			}
		}
	}

	set(n: number, interval: Interval, isTaken: boolean): void {
		const [first, last] = this.#grid.touched(interval);
		this.#set(this.#taken, n, first, last, isTaken);
		this.#refresh(Math.floor(n / blockSize), first >>> 5, last >>> 5);
	}

	#refresh(block: number, firstWord: number, lastWord: number): void {
		const end = Math.min((block + 1) * blockSize, this.slots.length);
		for (let word = firstWord; word <= lastWord; word++) {
			let all = 0xffffffff;
			for (let n = block * blockSize; n < end && all !== 0; n++)
				all &= this.#taken[n * this.#words + word] ?? 0;
			this.#full[block * this.#words + word] = all;
		}
	}

	#set(rows: Uint32Array, row: number, first: number, last: number, isTaken: boolean): void {
		for (let word = first >>> 5; word <= last >>> 5; word++) {
			const at = row * this.#words + word;
			const mask = maskOf(word, first, last);
			rows[at] = isTaken ? (rows[at] ?? 0) | mask : (rows[at] ?? 0) & ~mask;
		}
	}

	#any(rows: Uint32Array, row: number, first: number, last: number): boolean {
		for (let word = first >>> 5; word <= last >>> 5; word++) {
			if (((rows[row * this.#words + word] ?? 0) & maskOf(word, first, last)) !== 0) return true;
		}
		return false;
	}
}

/** The bits of a word that belong to the cells from `first` to `last`. */
function maskOf(word: number, first: number, last: number): number {
	const low = word === first >>> 5 ? 0xffffffff << (first & 31) : 0xffffffff;
	const high = word === last >>> 5 ? 0xffffffff >>> (31 - (last & 31)) : 0xffffffff;
	return low & high;
}
