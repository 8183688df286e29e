import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import type { Transaction } from '../common/store/store.ts';
import type { OfferTerms } from './calendar/offer.ts';
import { makeOffer, withdrawOffer } from './calendar/offers.ts';
import { recordServer } from './calendar/server.ts';
import type { BidTerms } from './clearing/bid.ts';
import { placeBid, retryBid, withdrawBid } from './clearing/bids.ts';
import { type IndexedStore, indexStore } from './index/indexed-store.ts';
import { grantCredits } from './ledger/credits.ts';

/** The second at which a market of the tests begins. */
export const now = 1_000_000;

export const offerTerms: OfferTerms = {
	project: 'red',
	servers: { names: ['r1', 'r2', 'r3'] },
	times: { type: 'once', intervals: [{ start: now, end: now + 1000 }] },
	price: '10',
	shortest: 10,
	longest: 500,
	to: null,
	recallNotice: null,
};

export const bidTerms: BidTerms = {
	project: 'blue',
	quantity: 2,
	servers: { where: [] },
	attestations: [],
	earliest: now,
	latest: now + 1000,
	length: 100,
	deadline: null,
	highest: '10',
	allOrNothing: true,
	waitUntil: null,
};

export interface SomeMarket extends IndexedStore {
	at: number;
	act<R>(work: (tx: Transaction) => Promise<R>): Promise<R>;
	offer(wanted?: Partial<OfferTerms>): Promise<string>;
	withdraw(id: string): Promise<void>;
	bid(key: string, wanted?: Partial<BidTerms>): ReturnType<typeof placeBid>;
	withdrawBid(id: string): Promise<void>;
	/** The ids of its leases. */
	retry(id: string): Promise<readonly string[]>;
	world(): { now: number; newId: () => string; index: IndexedStore['index'] };
}

/**
 * Red's servers r1 to r3, of which r1 attests; blue has a hundredth of a credit, green as much. `mark`: what its ids begin
 * with, where several of them share a store.
 */
export async function someMarket(
	plain: IndexedStore['store'] = createMemoryStore(),
	mark = 'id',
): Promise<SomeMarket> {
	const { store, index } = await indexStore(plain);
	let ids = 0;
	const grant = { kind: 'grant', of: '', note: '' } as const;
	await store.transact(async tx => {
		for (const [name, attestations] of [
			['r1', ['measured-boot']],
			['r2', []],
			['r3', []],
		] as const) {
			await recordServer(tx, { name, owner: 'red', properties: { model: 'R640' }, attestations }, now);
		}
		for (const project of ['blue', 'green']) {
			await grantCredits(tx, { key: project, project, amount: 10_000n, cause: grant }, now);
		}
	});
	const market: SomeMarket = {
		store,
		index,
		at: now,
		world: () => ({ now: market.at, newId: () => `${mark}-${++ids}`, index }),
		act: work => store.transact(work),
		offer: (wanted = {}) => store.transact(tx => makeOffer(tx, { ...offerTerms, ...wanted }, market.world())),
		withdraw: id => store.transact(tx => withdrawOffer(tx, { id, project: 'red' }, market.at)),
		bid: (key, wanted = {}) =>
			store.transact(tx => placeBid(tx, { key, bid: { ...bidTerms, ...wanted } }, market.world())),
		withdrawBid: id => store.transact(tx => withdrawBid(tx, { id, state: 'withdrawn' }, market.at)),
		retry: id => store.transact(tx => retryBid(tx, id, market.world())),
	};
	return market;
}
