import type { Interval } from '../calendar/interval.ts';
import type { Block, Slot } from './entry.ts';

const hour = 3600;
/** Hours for which it is worked out at once: of a slot that takes one look-up, and a pass over few leases. */
const hoursOfPart = 8 * 24;
const part = hour * hoursOfPart;
/** Words of 32 slots each: a block has no more than so many. */
const words = 4;
/** Hours in which a start is looked for this way, and that are looked at from it on: longer ones say little more. */
const mostStarts = 72;
const longestRun = 96;

/** What is asked of a slot: `length` seconds on end that begin at a second between two, both included. */
export interface Stretch {
	readonly earliest: number;
	readonly latest: number;
	readonly length: number;
}

/** One bit for each slot of a block. */
export type SlotMask = Uint32Array;
export const createSlotMask = (): SlotMask => new Uint32Array(words);

/** The first slot from `at` on whose bit is set; one that no block has when there is none. */
export function nextSlot(mask: SlotMask, at: number): number {
	for (let word = at >>> 5; word < words; word++) {
		const bits = (mask[word] ?? 0) & (word === at >>> 5 ? 0xffffffff << (at & 31) : 0xffffffff);
		// The lowest bit that is set, alone.
		if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
	}
	return words * 32;
}

const runs = new Uint32Array((mostStarts + longestRun + 2) * words);

/**
 * Which slots of a block could be free for a stretch: whoever is, is free in all whole hours of it, and of those there is a row
 * of bits for each hour. False when there is none. A bit that is set says nothing for certain.
 */
export function couldFit(block: Block, { earliest, latest, length }: Stretch, mask: SlotMask): boolean {
	const first = Math.ceil(earliest / hour);
	const starts = Math.ceil(latest / hour) - first + 1;
	// A stretch that begins within an hour has less of them than one that begins with it.
	const whole =
		earliest === latest ? Math.floor((earliest + length) / hour) - first : Math.floor(length / hour) - 1;
	const run = Math.min(whole, longestRun);
	if (run < 1 || starts > mostStarts) {
		mask.fill(0xffffffff);
		return true;
	}
	const count = starts - 1 + run;
	for (let n = 0; n < count; n++) {
		const at = first + n;
		const row = freeOn(block, Math.floor(at / hoursOfPart));
		const from = (at % hoursOfPart) * words;
		for (let word = 0; word < words; word++) runs[n * words + word] = row[from + word] as number;
	}
	// Each row is of those free for `done` hours from it on: twice as many each time.
	let done = 1;
	while (done < run) {
		const step = Math.min(done, run - done);
		const left = (count - done - step + 1) * words;
		for (let n = 0; n < left; n++) runs[n] = (runs[n] as number) & (runs[n + step * words] as number);
		done += step;
	}
	mask.fill(0);
	for (let n = 0; n < starts * words; n++)
		mask[n % words] = (mask[n % words] as number) | (runs[n] as number);
	return mask.some(bits => bits !== 0);
}

/** The hours of a part of the calendar, each a row of bits: the slots that are offered and not leased in all of it. */
function freeOn(block: Block, number: number): Uint32Array {
	block.hours ??= new Map();
	const known = block.hours.get(number);
	if (known) return known;
	const rows = new Uint32Array(hoursOfPart * words);
	const within = { start: number * part, end: (number + 1) * part };
	for (const [n, slot] of block.slots.entries()) {
		eachFreeIn(slot, within, (start, end) => {
			const last = Math.floor((end - within.start) / hour);
			for (let at = Math.ceil((start - within.start) / hour); at < last; at++) {
				const place = at * words + (n >>> 5);
				rows[place] = (rows[place] as number) | (1 << (n & 31));
			}
		});
	}
	block.hours.set(number, rows);
	return rows;
}

function eachFreeIn(
	{ offer, leased }: Slot,
	within: Interval,
	visit: (start: number, end: number) => void,
): void {
	for (const { start, end } of offer.document.intervals) {
		if (end <= within.start) continue;
		if (start >= within.end) return;
		const both = { start: Math.max(start, within.start), end: Math.min(end, within.end) };
		leased.eachFree(both, (from, to) => {
			visit(from, to);
			return true;
		});
	}
}

/** Something of a block's slots is leased, or not any more, within an interval. */
export function forgetHours({ hours }: Block, { start, end }: Interval): void {
	if (!hours) return;
	const [first, last] = [Math.floor(start / part), Math.floor((end - 1) / part)];
	if (last - first < hours.size) for (let at = first; at <= last; at++) hours.delete(at);
	else for (const at of [...hours.keys()]) if (first <= at && at <= last) hours.delete(at);
}
