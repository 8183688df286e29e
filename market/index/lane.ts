import type { Block, Slot, SlotLane } from './entry.ts';
import { byText } from './order.ts';

/** The order in which slots are taken: cheapest first, then what was offered first, then by offer and server. */
export const compareSlots = (a: Slot, b: Slot): number =>
	a.offer.price - b.offer.price ||
	a.offer.document.madeAt - b.offer.document.madeAt ||
	byText(a.offer.id, b.offer.id) ||
	byText(a.server.name, b.server.name);

const largestBlock = 128;

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
		block.touching = undefined;
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
		block.touching = undefined;
		if (block.slots.length === 0) this.blocks.splice(this.blocks.indexOf(block), 1);
	}

	#insertBlock(at: number, slots: Slot[]): void {
		const block: Block = { slots, touching: undefined };
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
export function mayFit(
	block: Block,
	{
		earliest,
		latest,
		length,
	}: { readonly earliest: number; readonly latest: number; readonly length: number },
): boolean {
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
 * Visits the slots of some lanes in one order, until `visit` returns false; blocks that `skip` says are of no use are passed
 * over whole, and a lane ends at the first block of which `isPast` says so.
 */
export function walkLanes(
	lanes: readonly SlotLane[],
	{ skip, isPast }: { readonly skip: (block: Block) => boolean; readonly isPast: (first: Slot) => boolean },
	visit: (slot: Slot) => boolean,
): void {
	const cursors: Cursor[] = [];
	for (const lane of lanes) {
		const cursor: Cursor = { lane, block: -1, at: 0, slots: [] };
		if (nextBlock(cursor, skip, isPast)) cursors.push(cursor);
	}
	while (cursors.length > 0) {
		let least = 0;
		for (let n = 1; n < cursors.length; n++)
			if (compareSlots(slotOf(cursors[n]), slotOf(cursors[least])) < 0) least = n;
		const cursor = cursors[least] as Cursor;
		if (!visit(slotOf(cursor))) return;
		cursor.at++;
		if (cursor.at < cursor.slots.length || nextBlock(cursor, skip, isPast)) continue;
		cursors.splice(least, 1);
	}
}

interface Cursor {
	readonly lane: SlotLane;
	block: number;
	at: number;
	slots: readonly Slot[];
}

const slotOf = (cursor: Cursor | undefined): Slot => cursor?.slots[cursor.at] as Slot;

function nextBlock(
	cursor: Cursor,
	skip: (block: Block) => boolean,
	isPast: (first: Slot) => boolean,
): boolean {
	for (cursor.block++; ; cursor.block++) {
		const block = cursor.lane.blocks[cursor.block];
		const [first] = block?.slots ?? [];
		if (!block || !first || isPast(first)) return false;
		if (skip(block)) continue;
		cursor.at = 0;
		cursor.slots = block.slots;
		return true;
	}
}
