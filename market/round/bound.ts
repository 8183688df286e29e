import type { Slot } from '../index/entry.ts';
import { eachFreeOf, endOf, type Pool } from './pool.ts';
import { ofStep, type Steps } from './turns.ts';

/**
 * Microcredits: more gains than these cannot be had, whatever is awarded. The dearest demand meets the cheapest supply, as if
 * every server would do for everybody at any time. `price`: demand at less than this and supply for more do not count.
 */
export function* curveBound({ bids, lanes }: Pool, price?: number): Steps<number> {
	const [dearest] = bids;
	if (!dearest) return 0;
	const within = { start: Number.MAX_SAFE_INTEGER, end: 0 };
	for (const bid of bids) {
		within.start = Math.min(within.start, bid.first);
		within.end = Math.max(within.end, endOf(bid));
	}
	yield;
	const mostAsk = price ?? dearest.wish.highest;
	const supply = new Map<number, Slot[]>();
	let steps = 0;
	for (const slots of lanes.values()) {
		for (const slot of slots) {
			if (steps++ % ofStep === 0) yield;
			const ask = slot.offer.price;
			// Lanes begin with the cheapest.
			if (ask > mostAsk) break;
			const same = supply.get(ask);
			if (same) same.push(slot);
			else supply.set(ask, [slot]);
		}
	}
	const asks = [...supply.keys()].sort((a, b) => a - b);
	let at = -1;
	let ask = 0;
	/** Free server-seconds at that price. */
	let left = 0;
	let sum = 0;
	for (const { wish } of bids) {
		if (steps++ % ofStep === 0) yield;
		if (price !== undefined && wish.highest < price) break;
		for (let wanted = wish.quantity * wish.length; wanted > 0; ) {
			while (left === 0) {
				const next = asks[++at];
				if (next === undefined) return sum;
				ask = next;
				for (const slot of supply.get(next) ?? []) {
					if (steps++ % ofStep === 0) yield;
					eachFreeOf(slot, within, (start, end) => {
						left += end - start;
					});
				}
			}
			if (ask > wish.highest) return sum;
			const met = Math.min(left, wanted);
			sum += met * (wish.highest - ask);
			left -= met;
			wanted -= met;
		}
	}
	return sum;
}
