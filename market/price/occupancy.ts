import type { Interval } from '../calendar/interval.ts';
import type { MarketIndex } from '../index/market-index.ts';

/**
 * Part of the calendar: how many server-seconds of it are leased, and how many are offered, those that are leased among them. What
 * was leased stays leased when the offer that it came from is withdrawn: that takes back what is left.
 */
export interface Occupancy extends Interval {
	readonly offered: number;
	readonly leased: number;
}

/** Parts of the calendar that are worked out at once, at most. */
export const mostParts = 1000;

/**
 * How full the calendar is, in parts of `step` seconds from `from` on. One pass over all servers: what is leased or on offer adds
 * to the two parts in which it begins and ends, and to the count of those between.
 */
export function occupancyOf(
	index: MarketIndex,
	{ from, step, parts }: { readonly from: number; readonly step: number; readonly parts: number },
): Occupancy[] {
	const whole = { start: from, end: from + step * parts };
	const offered = new PartSums(whole, step, parts);
	const leased = new PartSums(whole, step, parts);
	const addLeased = (start: number, end: number): void => {
		const within = { start: Math.max(start, whole.start), end: Math.min(end, whole.end) };
		leased.add(within, 1);
		offered.add(within, 1);
	};
	const addFree = (start: number, end: number): boolean => {
		offered.add({ start, end }, 1);
		return true;
	};
	for (const server of index.servers) {
		server.leased.eachLeased(whole, addLeased);
		for (const times of server.subleased.values()) times.eachLeased(whole, addLeased);
		for (const [{ document }, slot] of server.slots) {
			for (const interval of document.intervals) {
				const start = Math.max(interval.start, whole.start);
				const end = Math.min(interval.end, whole.end);
				if (start < end) slot.leased.eachFree({ start, end }, addFree);
			}
		}
	}
	const [offeredSums, leasedSums] = [offered.sums(), leased.sums()];
	return Array.from({ length: parts }, (_, n) => ({
		start: from + n * step,
		end: from + (n + 1) * step,
		offered: offeredSums[n] ?? 0,
		leased: leasedSums[n] ?? 0,
	}));
}

/** Sums over parts of equal length, of intervals that are added. */
class PartSums {
	readonly #whole: Interval;
	readonly #step: number;
	readonly #partial: Float64Array;
	/** How many more intervals have all of a part than of the one before. */
	readonly #full: Float64Array;

	constructor(whole: Interval, step: number, parts: number) {
		this.#whole = whole;
		this.#step = step;
		this.#partial = new Float64Array(parts);
		this.#full = new Float64Array(parts + 1);
	}

	add({ start, end }: Interval, times: number): void {
		const step = this.#step;
		const from = start - this.#whole.start;
		const to = end - this.#whole.start;
		const first = Math.floor(from / step);
		const last = Math.floor((to - 1) / step);
		if (first === last) {
			this.#change(this.#partial, first, times * (to - from));
			return;
		}
		this.#change(this.#partial, first, times * ((first + 1) * step - from));
		this.#change(this.#partial, last, times * (to - last * step));
		this.#change(this.#full, first + 1, times);
		this.#change(this.#full, last, -times);
	}

	sums(): number[] {
		let count = 0;
		return [...this.#partial].map((partial, n) => {
			count += this.#full[n] ?? 0;
			return partial + count * this.#step;
		});
	}

	#change(sums: Float64Array, at: number, by: number): void {
		sums[at] = (sums[at] ?? 0) + by;
	}
}
