import type { Interval } from '../calendar/interval.ts';
import type { ServerKind, Slot } from '../index/entry.ts';
import { Frontier } from './frontier.ts';
import { eachFreeOf } from './pool.ts';

/** Seconds of a cell: the shortest of these by which the whole time has at most so many cells. */
const lengths = [1, 60, 300, 900, 3600, 4 * 3600, 86_400, 7 * 86_400] as const;
const mostCells = 4096;
/** Bits of all slots together, which is half a gigabyte: with very many servers, cells are longer. */
const mostBits = 2 ** 32;

/** How a time is cut into cells, for so many slots. A cell counts as free only when all of it is. */
class Grid {
	readonly start: number;
	readonly cell: number;
	readonly count: number;

	constructor({ start, end }: Interval, slots: number) {
		const most = Math.min(mostCells, Math.max(64, Math.floor(mostBits / slots)));
		this.cell = lengths.find(each => (end - start) / each <= most - 2) ?? (lengths.at(-1) as number);
		this.start = start - (start % this.cell);
		this.count = Math.ceil((end - this.start) / this.cell);
	}

	/** The cells that an interval touches. */
	touched({ start, end }: Interval): Run {
		return new Run(
			Math.floor((start - this.start) / this.cell),
			Math.ceil((end - this.start) / this.cell) - 1,
		);
	}
}

/** Cells that follow each other, from the first to the last, both included: as words of a row, and bits of the outer two. */
class Run {
	readonly first: number;
	readonly count: number;
	readonly firstWord: number;
	readonly lastWord: number;
	readonly #low: number;
	readonly #high: number;

	constructor(first: number, last: number) {
		this.first = first;
		this.count = last - first + 1;
		this.firstWord = first >>> 5;
		this.lastWord = last >>> 5;
		this.#low = 0xffffffff << (first & 31);
		this.#high = 0xffffffff >>> (31 - (last & 31));
		if (this.firstWord === this.lastWord) this.#low = this.#high = this.#low & this.#high;
	}

	/** Whether any of them is set in the row that begins at word `at`. */
	anyIn(rows: Uint32Array, at: number): boolean {
		if (((rows[at + this.firstWord] as number) & this.#low) !== 0) return true;
		for (let word = this.firstWord + 1; word < this.lastWord; word++) if (rows[at + word] !== 0) return true;
		return ((rows[at + this.lastWord] as number) & this.#high) !== 0;
	}

	setIn(rows: Uint32Array, at: number): void {
		rows[at + this.firstWord] = (rows[at + this.firstWord] as number) | this.#low;
		if (this.firstWord === this.lastWord) return;
		rows.fill(0xffffffff, at + this.firstWord + 1, at + this.lastWord);
		rows[at + this.lastWord] = (rows[at + this.lastWord] as number) | this.#high;
	}

	clearIn(rows: Uint32Array, at: number): void {
		rows[at + this.firstWord] = (rows[at + this.firstWord] as number) & ~this.#low;
		if (this.firstWord === this.lastWord) return;
		rows.fill(0, at + this.firstWord + 1, at + this.lastWord);
		rows[at + this.lastWord] = (rows[at + this.lastWord] as number) & ~this.#high;
	}
}

/** Slots of a block, and blocks of a stack. */
const size = 64;

/** The slots of a kind: from the first one to before `end`. */
interface CellLane {
	readonly first: number;
	readonly end: number;
	/** Of long lanes. */
	readonly frontier: Frontier | undefined;
}

/**
 * Which cells of which slots are taken, as bits: a row of words for each slot. For each block of slots one more row says which
 * cells are taken in all of them, and for each stack of blocks which are in all of those: so what has no room is passed over,
 * 4,096 slots at once. A block is worked out when it is first looked at: the dear ones may never be.
 */
export class Cells {
	/** Of one kind after another, in their order. */
	readonly slots: readonly Slot[];
	readonly #lanes = new Map<ServerKind, CellLane>();
	readonly #grid: Grid;
	readonly #words: number;
	/** The rows of all slots. */
	readonly #rows: Uint32Array;
	readonly #isMade: Uint8Array;
	readonly #fullBlocks: Uint32Array;
	readonly #fullStacks: Uint32Array;

	constructor(lanes: ReadonlyMap<ServerKind, readonly Slot[]>, within: Interval) {
		this.slots = [...lanes.values()].flat();
		let first = 0;
		this.#grid = new Grid(within, this.slots.length);
		for (const [kind, { length }] of lanes) {
			const frontier = length > size * size ? new Frontier(this.#grid.count) : undefined;
			this.#lanes.set(kind, { first, end: first + length, frontier });
			first += length;
		}
		this.#words = Math.ceil(this.#grid.count / 32);
		const blocks = Math.ceil(this.slots.length / size);
		this.#rows = new Uint32Array(this.slots.length * this.#words);
		this.#isMade = new Uint8Array(blocks);
		this.#fullBlocks = new Uint32Array(blocks * this.#words);
		this.#fullStacks = new Uint32Array(Math.ceil(blocks / size) * this.#words);
	}

	/** Calls `visit` with each slot of a kind that is free for all of the interval, in their order, until it returns false. */
	eachFree(kind: ServerKind, interval: Interval, visit: (n: number) => boolean): void {
		const lane = this.#lanes.get(kind);
		if (!lane) return;
		const { first, end, frontier } = lane;
		const run = this.#grid.touched(interval);
		const words = this.#words;
		const firstBlock = Math.floor(first / size);
		let isFirst = true;
		for (
			let n = Math.max(first, (firstBlock + (frontier?.at(run.first, run.count) ?? 0)) * size);
			n < end;
		) {
			if (n % (size * size) === 0 && run.anyIn(this.#fullStacks, (n / (size * size)) * words)) {
				n += size * size;
				continue;
			}
			const block = Math.floor(n / size);
			const next = Math.min((block + 1) * size, end);
			if (!run.anyIn(this.#fullBlocks, block * words)) {
				this.#make(block);
				for (; n < next; n++) {
					if (run.anyIn(this.#rows, n * words)) continue;
					if (isFirst) frontier?.raise(run.first, run.count, block - firstBlock);
					isFirst = false;
					if (!visit(n)) return;
				}
			}
			n = next;
		}
		if (isFirst) frontier?.raise(run.first, run.count, Math.ceil(end / size) - firstBlock);
	}

	set(n: number, interval: Interval, isTaken: boolean): void {
		if (!isTaken) for (const { frontier } of this.#lanes.values()) frontier?.forget();
		const run = this.#grid.touched(interval);
		const block = Math.floor(n / size);
		const stack = Math.floor(block / size);
		this.#make(block);
		if (!isTaken) {
			run.clearIn(this.#rows, n * this.#words);
			run.clearIn(this.#fullBlocks, block * this.#words);
			run.clearIn(this.#fullStacks, stack * this.#words);
			return;
		}
		run.setIn(this.#rows, n * this.#words);
		this.#refresh(block, run.firstWord, run.lastWord);
	}

	/** Works out the rows of a block, if that was not done yet. */
	#make(block: number): void {
		if (this.#isMade[block] === 1) return;
		this.#isMade[block] = 1;
		const { start, cell, count } = this.#grid;
		const words = this.#words;
		const last = Math.min((block + 1) * size, this.slots.length);
		this.#rows.fill(0xffffffff, block * size * words, last * words);
		for (let n = block * size; n < last; n++) {
			eachFreeOf(this.slots[n] as Slot, { start, end: start + count * cell }, (from, to) => {
				const firstCell = Math.ceil((from - start) / cell);
				const lastCell = Math.floor((to - start) / cell) - 1;
				if (firstCell <= lastCell) new Run(firstCell, lastCell).clearIn(this.#rows, n * words);
			});
		}
		this.#refresh(block, 0, words - 1);
	}

	/** What is taken in all slots of a block now, and so perhaps in all blocks of its stack. */
	#refresh(block: number, firstWord: number, lastWord: number): void {
		const words = this.#words;
		const rows = this.#rows;
		const end = Math.min((block + 1) * size, this.slots.length) * words;
		const stack = Math.floor(block / size);
		const lastBlock = Math.min((stack + 1) * size, this.#isMade.length);
		for (let word = firstWord; word <= lastWord; word++) {
			let all = 0xffffffff;
			for (let at = block * size * words + word; at < end && all !== 0; at += words)
				all &= rows[at] as number;
			const place = block * words + word;
			// Both as words without a sign.
			if (this.#fullBlocks[place] === all >>> 0) continue;
			this.#fullBlocks[place] = all;
			for (let each = stack * size; each < lastBlock && all !== 0; each++)
				all &= this.#fullBlocks[each * words + word] as number;
			this.#fullStacks[stack * words + word] = all;
		}
	}
}
