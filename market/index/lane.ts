import type { Block, Slot, SlotLane } from './entry.ts';
import { couldFit, createSlotMask, nextSlot, type Stretch } from './free-hours.ts';
import { byText } from './order.ts';

/** The order in which slots are taken: cheapest first, then what was offered first, then by offer and server. */
export const compareSlots = (a: Slot, b: Slot): number =>
	a.offer.price - b.offer.price ||
	a.offer.document.madeAt - b.offer.document.madeAt ||
	byText(a.offer.id, b.offer.id) ||
	byText(a.server.name, b.server.name);

/** As many as free-hours.ts has bits for. */
const largestBlock = 128;

function forgetAll(block: Block): void {
	block.touching = undefined;
	block.hours = undefined;
}

/** The slots of servers of one kind, in the order in which they are taken. */
export class Lane implements SlotLane {
	blocks: Block[] = [];

	/** All slots at once, instead of what was there. */
	load(slots: Slot[]): void {
		this.blocks = [];
		slots.sort(compareSlots);
		for (let from = 0; from < slots.length; from += largestBlock / 2) {
			this.#insertBlock(this.blocks.length, slots.slice(from, from + largestBlock / 2));
		}
		// At the start there is time for it; later, those who ask first would wait.
		for (const block of this.blocks) block.touching = touchingOf(block);
	}

	add(slot: Slot): void {
		const at = Math.min(this.#blockFor(slot), this.blocks.length - 1);
		const block = this.blocks[at];
		if (!block) {
			this.#insertBlock(0, [slot]);
			return;
		}
		block.slots.splice(placeIn(block.slots, slot), 0, slot);
		slot.block = block;
		forgetAll(block);
		if (block.slots.length <= largestBlock) return;
		const half = block.slots.length >>> 1;
		this.#insertBlock(at + 1, block.slots.splice(half));
	}

	remove(slot: Slot): void {
		const { block } = slot;
		if (!block) throw new Error('a slot that stands nowhere');
		const at = placeIn(block.slots, slot);
		if (block.slots[at] !== slot) throw new Error('a slot that is not where it belongs');
		block.slots.splice(at, 1);
		slot.block = undefined;
		forgetAll(block);
		if (block.slots.length === 0) this.blocks.splice(this.blocks.indexOf(block), 1);
	}

	#insertBlock(at: number, slots: Slot[]): void {
		const block: Block = { slots, touching: undefined, hours: undefined };
		for (const slot of slots) slot.block = block;
		this.blocks.splice(at, 0, block);
	}

	/** The first block whose last slot does not come before it. */
	#blockFor(slot: Slot): number {
		let low = 0;
		let high = this.blocks.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			const last = this.blocks[middle]?.slots.at(-1);
			if (last && compareSlots(last, slot) < 0) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

function placeIn(slots: readonly Slot[], slot: Slot): number {
	let low = 0;
	let high = slots.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (compareSlots(slots[middle] as Slot, slot) < 0) low = middle + 1;
		else high = middle;
	}
	return low;
}

const day = 86_400;
/** Days that are told apart: what is so many days apart counts as the same, which only makes a block look freer. */
const ring = 256;

/**
 * False when no slot of a block is free for `length` seconds on end from a second on that is between `earliest` and `latest`:
 * then it is passed over whole. True says nothing.
 */
function mayFit(block: Block, { earliest, latest, length }: Stretch): boolean {
	block.touching ??= touchingOf(block);
	const first = Math.floor(earliest / day);
	const last = Math.min(Math.floor(latest / day), first + ring - 1);
	for (let at = first; at <= last; at++) if ((block.touching[at % ring] as number) >= length) return true;
	return false;
}

/** For each day, the seconds of the longest free stretch of any slot that has some of that day. */
function touchingOf({ slots }: Block): Float64Array {
	const longest = new Float64Array(ring);
	for (const { offer, leased } of slots) {
		for (const interval of offer.document.intervals) {
			leased.eachFree(interval, (start, end) => {
				const first = Math.floor(start / day);
				const last = Math.min(Math.floor((end - 1) / day), first + ring - 1);
				for (let at = first; at <= last; at++)
					longest[at % ring] = Math.max(longest[at % ring] as number, end - start);
				return true;
			});
		}
	}
	return longest;
}

/**
 * Visits the slots of some lanes in one order, until `visit` returns false; slots that are certain not to be free for the
 * stretch are passed over, whole blocks of them at once, and a lane ends at the first block of which `isPast` says so.
 */
export function walkLanes(
	lanes: readonly SlotLane[],
	{ stretch, isPast }: { readonly stretch: Stretch; readonly isPast: (first: Slot) => boolean },
	visit: (slot: Slot) => boolean,
): void {
	const cursors = lanes
		.map(lane => new Cursor(lane, stretch, isPast))
		.filter(({ current }) => current !== undefined);
	while (cursors.length > 0) {
		let least = 0;
		for (let n = 1; n < cursors.length; n++)
			if (compareSlots(cursors[n]?.current as Slot, cursors[least]?.current as Slot) < 0) least = n;
		const cursor = cursors[least] as Cursor;
		if (!visit(cursor.current as Slot)) return;
		cursor.advance();
		if (cursor.current === undefined) cursors.splice(least, 1);
	}
}

/** Where the walk is in one lane. */
class Cursor {
	/** Undefined at the lane's end. */
	current: Slot | undefined;
	readonly #lane: SlotLane;
	readonly #stretch: Stretch;
	readonly #isPast: (first: Slot) => boolean;
	readonly #mask = createSlotMask();
	#block = -1;
	#slots: readonly Slot[] = [];
	#at = -1;

	constructor(lane: SlotLane, stretch: Stretch, isPast: (first: Slot) => boolean) {
		this.#lane = lane;
		this.#stretch = stretch;
		this.#isPast = isPast;
		this.advance();
	}

	advance(): void {
		for (;;) {
			this.#at = nextSlot(this.#mask, this.#at + 1);
			this.current = this.#slots[this.#at];
			if (this.current || !this.#nextBlock()) return;
		}
	}

	#nextBlock(): boolean {
		for (this.#block++; ; this.#block++) {
			const block = this.#lane.blocks[this.#block];
			const [first] = block?.slots ?? [];
			if (!block || !first || this.#isPast(first)) return false;
			if (!mayFit(block, this.#stretch) || !couldFit(block, this.#stretch, this.#mask)) continue;
			this.#slots = block.slots;
			this.#at = -1;
			return true;
		}
	}
}
