import type { Block, Slot, SlotLane } from './entry.ts';
import { byText } from './order.ts';

/** The order in which slots are taken: cheapest first, then what was offered first, then by offer and server. */
export const compareSlots = (a: Slot, b: Slot): number =>
	a.offer.price - b.offer.price ||
	a.offer.document.madeAt - b.offer.document.madeAt ||
	byText(a.offer.id, b.offer.id) ||
	byText(a.server.name, b.server.name);

const largestBlock = 256;

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
		block.longest = undefined;
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
		block.longest = undefined;
		if (block.slots.length === 0) this.blocks.splice(this.blocks.indexOf(block), 1);
	}

	#insertBlock(at: number, slots: Slot[]): void {
		const block: Block = { slots, longest: undefined };
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

/** Seconds of the longest stretch that is free in any of them. */
export function longestIn(block: Block): number {
	block.longest ??= block.slots.reduce((most, slot) => Math.max(most, longestOf(slot)), 0);
	return block.longest;
}

export function longestOf(slot: Slot): number {
	if (slot.longest !== undefined) return slot.longest;
	let longest = 0;
	for (const interval of slot.offer.document.intervals) {
		slot.server.leased.eachFree(interval, (start, end) => {
			longest = Math.max(longest, end - start);
			return true;
		});
	}
	slot.longest = longest;
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
