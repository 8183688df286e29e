import { limitAt } from '../clearing/schedule.ts';
import type { Slot } from '../index/entry.ts';
import { compareSlots } from '../index/lane.ts';
import { Cells } from './cells.ts';
import { type Award, accepts, gainOf, limitOf, type Pool, type RoundBid } from './pool.ts';
import { ofStep, type Steps } from './turns.ts';

/** Starts that are tried of a window. */
const mostStarts = 12;
/** What a bid is given for the time being: places in the cells. */
interface Trial {
	readonly bid: RoundBid;
	readonly start: number;
	readonly places: readonly number[];
}

/**
 * Awards by hand: bids one after another, dearest first, each on the cheapest servers that are free; then the price at which
 * most of the gains are kept; then, at that price, whatever else there is room for. Fast, and not always the best.
 */
export function* awardGreedily({ bids, lanes }: Pool): Steps<Award[]> {
	if (bids.length === 0) return [];
	const within = { start: Number.MAX_SAFE_INTEGER, end: 0 };
	for (const { first, last, wish } of bids) {
		within.start = Math.min(within.start, first);
		within.end = Math.max(within.end, last + wish.length);
	}
	yield;
	const cells = new Cells(lanes, within);
	const awardOf = ({ bid, start, places }: Trial): Award => ({
		bid,
		start,
		slots: places.map(n => cells.slots[n] as Slot),
	});
	const take = ({ bid, start, places }: Trial, isTaken: boolean): void => {
		for (const n of places) cells.set(n, { start, end: start + bid.wish.length }, isTaken);
	};
	let steps = 0;
	const tried: Trial[] = [];
	for (const bid of bids) {
		if (steps++ % ofStep === 0) yield;
		const trial = bestFor(bid, cells);
		if (!trial) continue;
		take(trial, true);
		tried.push(trial);
	}
	const awards: Award[] = [];
	for (const trial of tried) {
		if (steps++ % ofStep === 0) yield;
		awards.push(awardOf(trial));
	}
	const price = yield* keepingMost(awards);
	const kept: Award[] = [];
	const served = new Set<RoundBid>();
	let n = 0;
	for (const award of awards) {
		if (steps++ % ofStep === 0) yield;
		const trial = tried[n++] as Trial;
		if (askOf(award) <= price && price <= limitOf(award)) {
			kept.push(award);
			served.add(award.bid);
		} else take(trial, false);
	}
	for (const bid of bids) {
		if (steps++ % ofStep === 0) yield;
		if (bid.wish.highest < price) break;
		if (served.has(bid)) continue;
		const trial = bestFor(bid, cells, price);
		if (!trial) continue;
		take(trial, true);
		kept.push(awardOf(trial));
	}
	return kept;
}

/** `price`: what it would pay; without it, whatever it would pay at most. */
function bestFor(bid: RoundBid, cells: Cells, price?: number): Trial | undefined {
	const { quantity, length, allOrNothing } = bid.wish;
	const { slots } = cells;
	let best: Trial | undefined;
	for (const start of startsOf(bid)) {
		const limit = limitAt(bid.wish, start);
		if (price !== undefined && limit < price) continue;
		const mostPrice = price ?? limit;
		const within = { start, end: start + length };
		let places: number[] = [];
		for (const kind of bid.kinds) {
			const enough = places.length + quantity;
			cells.eachFree(kind, within, n => {
				const slot = slots[n] as Slot;
				if (slot.offer.price > mostPrice) return false;
				if (accepts(bid, slot)) places.push(n);
				return places.length < enough;
			});
		}
		if (bid.kinds.length > 1) places.sort((a, b) => compareSlots(slots[a] as Slot, slots[b] as Slot));
		if (places.length > quantity) places = places.slice(0, quantity);
		if (places.length === quantity) return { bid, start, places };
		if (!allOrNothing && places.length > (best?.places.length ?? 0)) best = { bid, start, places };
	}
	return best;
}

function startsOf({ first, last, wish: { steps = [] } }: RoundBid): number[] {
	const starts = [first];
	const parts = Math.min(mostStarts - 1, last - first);
	for (let n = 1; n <= parts; n++) starts.push(first + Math.floor(((last - first) * n) / parts));
	for (const { from } of steps.slice(0, mostStarts)) if (from > first && from <= last) starts.push(from);
	return starts;
}

/** The dearest ask that it was awarded. */
export const askOf = ({ slots }: Award): number =>
	slots.reduce((most, { offer }) => Math.max(most, offer.price), 0);

/** The price at which the awards that can be kept have the largest gains together; the lowest of those. */
function* keepingMost(awards: readonly Award[]): Steps<number> {
	// What ends at a price still counts there.
	const begin = new Map<number, number>();
	const end = new Map<number, number>();
	let steps = 0;
	for (const award of awards) {
		if (steps++ % ofStep === 0) yield;
		const [ask, limit, gain] = [askOf(award), limitOf(award), Number(gainOf(award))];
		begin.set(ask, (begin.get(ask) ?? 0) + gain);
		end.set(limit, (end.get(limit) ?? 0) + gain);
	}
	const prices = Float64Array.from(new Set([...begin.keys(), ...end.keys()])).sort();
	let sum = 0;
	let best = { price: 0, sum: -1 };
	for (const at of prices) {
		sum += begin.get(at) ?? 0;
		if (begin.has(at) && sum > best.sum) best = { price: at, sum };
		sum -= end.get(at) ?? 0;
	}
	return best.price;
}
