import type { Store, Transaction } from '../../common/store/store.ts';
import { retryBid } from '../clearing/bids.ts';
import { limitAt } from '../clearing/schedule.ts';
import type { ServerKind } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { leases } from '../lease/lease.ts';
import { curveBound } from './bound.ts';
import { poolsOf, type RoundBid } from './pool.ts';
import type { Round } from './round.ts';
import { bidsOfRound } from './round-bids.ts';
import { inTurns } from './turns.ts';

/**
 * Leases what a round has left to the bids in pieces, dearest first; they pay no less than it cost the others (`floor`).
 * With that, the most that they could have had of it: see bound.ts. `second` is the first at which a lease may begin.
 */
export async function leasePieces(
	{
		store,
		index,
		newId,
		second,
		onLease,
		signal,
	}: {
		readonly store: Store;
		readonly index: MarketIndex;
		readonly newId: () => string;
		readonly second: () => number;
		readonly onLease: (id: string) => void;
		readonly signal: AbortSignal;
	},
	floor: ReadonlyMap<ServerKind, number>,
): Promise<Round['pieces']> {
	const asked = await bidsOfRound(store, index, { now: second(), inPieces: true });
	if (asked.length === 0) return undefined;
	let bound = 0;
	for (const pool of await inTurns(poolsOf(asked), signal)) bound += await inTurns(curveBound(pool), signal);
	let met = 0;
	let made = 0;
	let gains = 0n;
	for (const bid of asked) {
		if (signal.aborted) break;
		const done = await store.transact(async tx => {
			const ids = await retryBid(tx, bid.id, { now: second(), newId, index }, floor);
			return { ids, gains: await gainsOf(tx, bid, ids, index) };
		});
		for (const id of done.ids) onLease(id);
		if (done.ids.length > 0) met++;
		made += done.ids.length;
		gains += done.gains;
	}
	return {
		bids: asked.length,
		met,
		leases: made,
		gains: gains.toString(),
		bound: BigInt(Math.ceil(bound)).toString(),
	};
}

/** Microcredits: what the bid would have paid at most, less what the offers ask. */
async function gainsOf(
	tx: Transaction,
	{ id, wish }: RoundBid,
	made: readonly string[],
	index: MarketIndex,
): Promise<bigint> {
	let gains = 0n;
	for (const each of made) {
		const lease = await tx.get(leases, each);
		for (const { server, offer, until } of lease?.servers ?? []) {
			const from = [...(index.server(server)?.slots.keys() ?? [])].find(one => one.id === offer);
			if (!lease || !from) throw new Error(`lease ${each} of bid ${id} is out of no offer`);
			gains += BigInt(limitAt(wish, lease.start) - from.price) * BigInt(until - lease.start);
		}
	}
	return gains;
}
