import { freeOf, type Pool } from './pool.ts';

/**
 * Microcredits: more gains than these cannot be had, whatever is awarded. The dearest demand meets the cheapest supply, as if
 * every server would do for everybody at any time. `limit`: demand of less than this and supply for more do not count.
 */
export function curveBound({ bids, lanes }: Pool, price?: number): number {
	if (bids.length === 0) return 0;
	const within = { start: Number.MAX_SAFE_INTEGER, end: 0 };
	for (const { first, last, wish } of bids) {
		within.start = Math.min(within.start, first);
		within.end = Math.max(within.end, last + wish.length);
	}
	const supply = [...lanes.values()]
		.flat()
		.filter(({ offer }) => price === undefined || offer.price <= price)
		.sort((a, b) => a.offer.price - b.offer.price);
	let at = 0;
	let left = 0;
	let sum = 0;
	for (const { wish } of bids) {
		if (price !== undefined && wish.highest < price) continue;
		for (let wanted = wish.quantity * wish.length; wanted > 0; ) {
			while (left === 0 && at < supply.length) {
				const slot = supply[at++];
				if (slot) left = freeOf(slot, within).reduce((total, { start, end }) => total + end - start, 0);
			}
			const ask = supply[at - 1]?.offer.price ?? 0;
			if (left === 0 || ask > wish.highest) return sum;
			const met = Math.min(left, wanted);
			sum += met * (wish.highest - ask);
			left -= met;
			wanted -= met;
		}
	}
	return sum;
}
