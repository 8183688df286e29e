import type { IndexedOffer, IndexedServer } from '../index/entry.ts';

/** A server that a bid could have, and when it could begin with it: from `first` to `last`, both included. */
export interface Candidate {
	readonly server: IndexedServer;
	readonly offer: IndexedOffer;
	/** Microcredits for a second. */
	readonly price: number;
	readonly first: number;
	readonly last: number;
}

export interface Match {
	readonly start: number;
	readonly taken: readonly Candidate[];
}

/** What is matched: a number of servers that all begin at one second, from `earliest` to `latest`. */
export interface Quest {
	readonly quantity: number;
	readonly allOrNothing: boolean;
	readonly earliest: number;
	readonly latest: number;
}

/**
 * The servers and the start that suit best: as many servers as are asked for, or can be had if fewer will do; of those the
 * cheapest; of those the earliest start; and among servers of the same price those that come first. `walk` visits all that
 * could be had, cheapest first, for as long as it is told to go on: it is told to stop as soon as nothing that costs as much
 * as what comes could be better. `most` is how many could be had at once, at most; exact when there is no match.
 */
export function matchQuest(
	quest: Quest,
	walk: (visit: (candidate: Candidate) => boolean) => void,
): { readonly match?: Match; readonly most: number } {
	const { quantity, allOrNothing, earliest, latest } = quest;
	const found: Candidate[] = [];
	let look: Look | undefined;
	let nextLook = quantity;
	walk(candidate => {
		if (look?.best?.size === quantity && found.length >= nextLook) {
			look = lookAt(found, { quantity, earliest, next: candidate.price });
			nextLook = found.length * 2;
			if (look.isOver) return false;
		}
		// What costs as much as the best, at least, helps only by an earlier start.
		if (look?.isTied && candidate.first >= (look.best?.start ?? 0)) return true;
		found.push(candidate);
		if (found.length < nextLook || look?.best?.size === quantity) return true;
		look = lookAt(found, { quantity, earliest, next: candidate.price });
		nextLook = found.length * 2;
		return earliest === latest ? look.best?.size !== quantity : !look.isOver;
	});
	const { best } = lookAt(found, { quantity, earliest, next: 0 });
	if (!best) return { most: 0 };
	if (allOrNothing && best.size < quantity) return { most: best.size };
	const { start } = best;
	const taken = found.filter(({ first, last }) => first <= start && start <= last).slice(0, quantity);
	return { most: best.size, match: { start, taken } };
}

interface Best {
	readonly start: number;
	readonly size: number;
	/** Microcredits for a second of all. */
	readonly cost: number;
}

interface Look {
	readonly best: Best | undefined;
	/** Nothing that comes later can be better. */
	readonly isOver: boolean;
	/** Nothing that comes later can be cheaper: only as cheap, and earlier. */
	readonly isTied: boolean;
}

/**
 * The best start among what was found, which is in the order of prices. Between one first start and the next, servers only drop
 * out: no other start is better. Where there are as many as are asked for, what they cost is settled; elsewhere each that is
 * missing will cost `next` at least.
 */
function lookAt(
	found: readonly Candidate[],
	{
		quantity,
		earliest,
		next,
	}: { readonly quantity: number; readonly earliest: number; readonly next: number },
): Look {
	const firsts = found.map((_, at) => at).sort((a, b) => startOf(found, a) - startOf(found, b));
	const lasts = found.map((_, at) => at).sort((a, b) => endOf(found, a) - endOf(found, b));
	const there = new PriceTree(found.length);
	let best: Best | undefined;
	const open: { readonly start: number; readonly least: number }[] = [];
	if (firsts.length === 0 || startOf(found, firsts[0] as number) > earliest)
		open.push({ start: earliest, least: quantity * next });
	let gone = 0;
	for (let at = 0; at < firsts.length; ) {
		const start = startOf(found, firsts[at] as number);
		for (; at < firsts.length && startOf(found, firsts[at] as number) === start; at++)
			there.add(firsts[at] as number, found[firsts[at] as number]?.price ?? 0);
		for (; gone < lasts.length && endOf(found, lasts[gone] as number) < start; gone++)
			there.take(lasts[gone] as number, found[lasts[gone] as number]?.price ?? 0);
		const { size, cost } = there.cheapest(quantity);
		if (size < quantity) open.push({ start, least: cost + (quantity - size) * next });
		if (!best || size > best.size || (size === best.size && cost < best.cost)) best = { start, size, cost };
	}
	if (best?.size !== quantity) return { best, isOver: false, isTied: false };
	const { start, cost } = best;
	const isTied = open.every(({ least }) => least >= cost);
	const isOver = open.every(each => each.least > cost || (each.least === cost && each.start >= start));
	return { best, isOver, isTied };
}

const startOf = (found: readonly Candidate[], at: number): number => found[at]?.first ?? 0;
const endOf = (found: readonly Candidate[], at: number): number => found[at]?.last ?? 0;

/** How many of the first places are taken, and what they cost, in logarithmic time (Fenwick 1994, "A new data structure for cumulative frequency tables"). */
class PriceTree {
	readonly #counts: Int32Array;
	readonly #costs: Float64Array;
	readonly #top: number;

	constructor(size: number) {
		this.#counts = new Int32Array(size + 1);
		this.#costs = new Float64Array(size + 1);
		this.#top = size === 0 ? 0 : 2 ** Math.floor(Math.log2(size));
	}

	add(place: number, price: number): void {
		this.#change(place, 1, price);
	}

	take(place: number, price: number): void {
		this.#change(place, -1, -price);
	}

	/** The first `quantity` that are there, or all if there are fewer. */
	cheapest(quantity: number): { size: number; cost: number } {
		let place = 0;
		let size = 0;
		let cost = 0;
		for (let step = this.#top; step > 0; step = Math.floor(step / 2)) {
			const next = place + step;
			if (next >= this.#counts.length || size + (this.#counts[next] ?? 0) > quantity) continue;
			place = next;
			size += this.#counts[next] ?? 0;
			cost += this.#costs[next] ?? 0;
		}
		return { size, cost };
	}

	#change(place: number, by: number, price: number): void {
		for (let at = place + 1; at < this.#counts.length; at += at & -at) {
			this.#counts[at] = (this.#counts[at] ?? 0) + by;
			this.#costs[at] = (this.#costs[at] ?? 0) + price;
		}
	}
}
