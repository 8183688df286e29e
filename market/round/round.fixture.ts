import type { OfferTerms } from '../calendar/offer.ts';
import type { BidTerms } from '../clearing/bid.ts';
import { stepsOf } from '../clearing/schedule.ts';
import { createMarketIndex, type MarketIndex } from '../index/market-index.ts';
import { bidTerms, now, offerTerms } from '../market.fixture.ts';

/** An index of servers that are offered one by one, and of bids that wait. Bids and offers are told apart by their place. */
export function indexOf(
	servers: readonly {
		readonly model: string;
		readonly price: number;
		readonly start: number;
		readonly end: number;
	}[],
	bids: readonly Partial<BidTerms>[],
): MarketIndex {
	const index = createMarketIndex();
	index.load({
		servers: servers.map(({ model }, n) => [
			`s${n}`,
			{ properties: { model }, attestations: [], owners: [{ project: 'red', since: 0 }] },
		]),
		offers: servers.map(({ price, start, end }, n) => {
			const terms: OfferTerms = { ...offerTerms, price: String(price), shortest: 1, longest: 10 ** 8 };
			const intervals = [{ start: now + start, end: now + end }];
			return [`o${n}`, { ...terms, offered: [`s${n}`], intervals, state: 'open', madeAt: now }];
		}),
		bids: bids.map((wanted, n) => [
			`b${String(n).padStart(6, '0')}`,
			{
				terms: { ...bidTerms, waitUntil: now + 10 ** 8, ...wanted },
				key: `k${n}`,
				state: 'waiting',
				placedAt: now,
				hold: 'h',
				...(wanted.schedule && {
					steps: stepsOf(wanted.schedule, {
						earliest: wanted.earliest ?? now,
						latest: wanted.latest ?? now,
						highest: Number(wanted.highest),
					}),
				}),
				lease: null,
			},
		]),
		spans: [],
	});
	return index;
}
