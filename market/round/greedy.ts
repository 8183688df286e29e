import { limitAt } from '../clearing/schedule.ts';
import type { ServerKind } from '../index/entry.ts';
import { compareSlots } from '../index/lane.ts';
import { Cells, Grid } from './cells.ts';
import { type Award, gainOf, limitOf, type Pool, type RoundBid } from './pool.ts';

/** Starts that are tried of a window. */
const mostStarts = 12;

/**
 * Awards by hand: bids one after another, dearest first, each on the cheapest servers that are free; then the price at which
 * most of the gains are kept; then, at that price, whatever else there is room for. Fast, and not always the best.
 */
export function awardGreedily(pool: Pool): Award[] {
	const { bids } = pool;
	if (bids.length === 0) return [];
	const grid = new Grid({
		start: Math.min(...minOf(bids)),
		end: bids.reduce((most, { last, wish }) => Math.max(most, last + wish.length), 0),
	});
	const cells = new Map([...pool.lanes].map(([kind, slots]) => [kind, new Cells(slots, grid)]));
	const places = new Map<ServerKind, Map<object, number>>();
	for (const [kind, { slots }] of cells) places.set(kind, new Map(slots.map((slot, n) => [slot, n])));
	const take = ({ bid, start, slots }: Award, isTaken: boolean): void => {
		for (const slot of slots) {
			const { kind } = slot.server;
			const n = kind && places.get(kind)?.get(slot);
			if (kind && n !== undefined) cells.get(kind)?.set(n, { start, end: start + bid.wish.length }, isTaken);
		}
	};
	const tried: Award[] = [];
	for (const bid of bids) {
		const award = bestFor(bid, cells);
		if (!award) continue;
		take(award, true);
		tried.push(award);
	}
	const price = keepingMost(tried);
	const kept = tried.filter(award => isAt(award, price));
	for (const award of tried) if (!isAt(award, price)) take(award, false);
	const served = new Set(kept.map(({ bid }) => bid));
	for (const bid of bids) {
		if (served.has(bid) || bid.wish.highest < price) continue;
		const award = bestFor(bid, cells, price);
		if (!award) continue;
		take(award, true);
		kept.push(award);
	}
	return kept;
}

function* minOf(bids: readonly RoundBid[]): Iterable<number> {
	let least = Number.MAX_SAFE_INTEGER;
	for (const { first } of bids) least = Math.min(least, first);
	yield least;
}

/** `price`: what it would pay; without it, whatever it would pay at most. */
function bestFor(bid: RoundBid, cells: ReadonlyMap<ServerKind, Cells>, price?: number): Award | undefined {
	const { quantity, length, allOrNothing } = bid.wish;
	let best: Award | undefined;
	for (const start of startsOf(bid)) {
		const limit = limitAt(bid.wish, start);
		if (price !== undefined && limit < price) continue;
		const mostPrice = price ?? limit;
		const found: Award['slots'][number][] = [];
		for (const kind of bid.kinds) {
			const own = cells.get(kind);
			let count = 0;
			own?.eachFree({ start, end: start + length }, n => {
				const slot = own.slots[n];
				if (!slot || slot.offer.price > mostPrice) return false;
				if (bid.accepts(slot)) {
					found.push(slot);
					count++;
				}
				return count < quantity;
			});
		}
		if (bid.kinds.length > 1) found.sort(compareSlots);
		const slots = found.slice(0, quantity);
		if (slots.length === quantity) return { bid, start, slots };
		if (!allOrNothing && slots.length > (best?.slots.length ?? 0)) best = { bid, start, slots };
	}
	return best;
}

function* startsOf({ first, last, wish: { steps = [] } }: RoundBid): Iterable<number> {
	const parts = Math.min(mostStarts - 1, last - first);
	yield first;
	for (let n = 1; n <= parts; n++) yield first + Math.floor(((last - first) * n) / parts);
	for (const { from } of steps.slice(0, mostStarts)) if (from > first && from <= last) yield from;
}

/** The dearest ask that it was awarded. */
export const askOf = ({ slots }: Award): number =>
	slots.reduce((most, { offer }) => Math.max(most, offer.price), 0);

const isAt = (award: Award, price: number): boolean => askOf(award) <= price && price <= limitOf(award);

/** The price at which the awards that can be kept have the largest gains together; the lowest of those. */
function keepingMost(awards: readonly Award[]): number {
	const events = awards.flatMap(award => {
		const gain = Number(gainOf(award));
		return [
			{ at: askOf(award), isEnd: false, gain },
			{ at: limitOf(award), isEnd: true, gain },
		];
	});
	// What ends at a price still counts there.
	events.sort((a, b) => a.at - b.at || Number(a.isEnd) - Number(b.isEnd));
	let sum = 0;
	let best = { price: 0, sum: -1 };
	for (const { at, isEnd, gain } of events) {
		sum += isEnd ? -gain : gain;
		if (!isEnd && sum > best.sum) best = { price: at, sum };
	}
	return best.price;
}
