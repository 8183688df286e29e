import type { Store } from '../../common/store/store.ts';
import { wishFor, wishOf } from '../clearing/bids.ts';
import { isOfKind, lastStart, type Wish } from '../clearing/walk.ts';
import type { ServerKind } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import type { RoundBid } from './pool.ts';

/** Bids that are looked at in one go: others get their turn between two of these. */
const sliceSize = 1000;

/**
 * The bids of a round: those that wait and could still begin, dearest first, then the oldest; `inPieces`, or those that have all
 * their servers at once. `now` in seconds.
 */
export async function bidsOfRound(
	store: Pick<Store, 'read'>,
	index: MarketIndex,
	{ now, inPieces = false }: { readonly now: number; readonly inPieces?: boolean },
): Promise<RoundBid[]> {
	const kindsOf = kindsFinder(index);
	const found: RoundBid[] = [];
	const waiting = await store.read(async () => [...index.waiting]);
	for (let from = 0; from < waiting.length; from += sliceSize) {
		await store.read(async tx => {
			for (const { id, document } of waiting.slice(from, from + sliceSize)) {
				if (inPieces !== (document.terms.pieces !== undefined)) continue;
				const { servers } = document.terms;
				// To wait for each costs more than all the rest, and few ask for the servers of a lease.
				const wish = 'sameAs' in servers ? await wishOf(tx, document, now) : wishFor(document, servers, now);
				const last = lastStart({ ...wish, length: wish.pieces?.shortest ?? wish.length });
				const kinds = kindsOf(wish);
				if (last < wish.earliest || kinds.length === 0) continue;
				const names = 'names' in wish.servers ? new Set(wish.servers.names) : undefined;
				found.push({ id, wish, first: wish.earliest, last, kinds, names });
			}
		});
		await new Promise(resolve => setImmediate(resolve));
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
