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
	let best: Best | undefined;
	let nextLook = quantity;
	/** What all but one of the cheapest cost: nothing that has a later one costs less than that and the later one. */
	let cheapest = 0;
	walk(candidate => {
		if (best?.size === quantity) {
			const least = cheapest + candidate.price;
			if (least > best.cost || (least === best.cost && best.start === earliest)) return false;
		}
		found.push(candidate);
		if (found.length < quantity) cheapest += candidate.price;
		if (found.length < nextLook) return true;
		best = bestStart(found, quantity);
		nextLook = found.length * 2;
		return earliest !== latest || best?.size !== quantity;
	});
	best = bestStart(found, quantity);
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

/** `found` in the order of prices. Between one first start and the next, servers only drop out: no other start is better. */
function bestStart(found: readonly Candidate[], quantity: number): Best | undefined {
	const firsts = found.map((_, at) => at).sort((a, b) => startOf(found, a) - startOf(found, b));
	const lasts = found.map((_, at) => at).sort((a, b) => endOf(found, a) - endOf(found, b));
	const there = new PriceTree(found.length);
	let best: Best | undefined;
	let gone = 0;
	for (let at = 0; at < firsts.length; ) {
		const start = startOf(found, firsts[at] as number);
		for (; at < firsts.length && startOf(found, firsts[at] as number) === start; at++)
			there.add(firsts[at] as number, found[firsts[at] as number]?.price ?? 0);
		for (; gone < lasts.length && endOf(found, lasts[gone] as number) < start; gone++)
			there.take(lasts[gone] as number, found[lasts[gone] as number]?.price ?? 0);
		const { size, cost } = there.cheapest(quantity);
		if (!best || size > best.size || (size === best.size && cost < best.cost)) best = { start, size, cost };
	}
	return best;
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
