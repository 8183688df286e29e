import type { ReadTransaction } from '../../common/store/store.ts';
import { wishOf } from '../clearing/bids.ts';
import { isOfKind, isOpenTo, lastStart, type Wish } from '../clearing/walk.ts';
import type { ServerKind } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import type { RoundBid } from './pool.ts';

/** The bids of a round: those that wait and could still begin, dearest first, then the oldest. `now` in seconds. */
export async function bidsOfRound(tx: ReadTransaction, index: MarketIndex, now: number): Promise<RoundBid[]> {
	const kindsOf = kindsFinder(index);
	const found: RoundBid[] = [];
	for (const { id, document } of index.waiting) {
		// These have what is left: see rounds.ts.
		if (document.terms.pieces) continue;
		const wish = await wishOf(tx, document, now);
		const last = lastStart(wish);
		const kinds = kindsOf(wish);
		if (last < wish.earliest || kinds.length === 0) continue;
		const named = 'names' in wish.servers ? new Set(wish.servers.names) : undefined;
		found.push({
			id,
			wish,
			first: wish.earliest,
			last,
			kinds,
			accepts: ({ offer, server }) => isOpenTo(offer, wish) && (named?.has(server.name) ?? true),
		});
	}
	return found;
}

/** Many bids ask for the same: for each wish, the kinds are looked through once. */
function kindsFinder(index: MarketIndex): (wish: Wish) => readonly ServerKind[] {
	const known = new Map<string, readonly ServerKind[]>();
	return wish => {
		const { servers, attestations } = wish;
		if ('names' in servers) {
			const kinds = servers.names.map(name => index.server(name)?.kind);
			return [...new Set(kinds)].filter(kind => kind !== undefined && isOfKind(wish, kind)) as ServerKind[];
		}
		const key = JSON.stringify([servers, attestations]);
		const found = known.get(key) ?? [...index.kinds].filter(kind => isOfKind(wish, kind));
		known.set(key, found);
		return found;
	};
}
