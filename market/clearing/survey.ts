import { isChosen } from '../calendar/choice.ts';
import type { IndexedOffer, IndexedServer, Slot } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { matchQuest } from './match.ts';
import { matchPieces, slotsFor } from './pieces.ts';
import { lastStart, type Wish, walkCandidates } from './walk.ts';

/** Why an offered server cannot be had, in the order in which it is looked at. */
export type Obstacle =
	| 'other hardware'
	| 'attestation'
	| 'own'
	| 'not for you'
	| 'length'
	| 'price'
	| 'not free';

/** Why a bid is not met. */
export interface Why {
	/** How many servers could be had at once, at most; in pieces, at some time. */
	readonly most: number;
	/** For a bid in pieces: the server-seconds that could be had, at most. */
	readonly seconds?: number;
	/** How many offered servers each obstacle kept out. A server in several offers counts once for each. */
	readonly obstacles: Readonly<Partial<Record<Obstacle, number>>>;
	/** Microcredits for a second: the least price of what is right but for its price. */
	readonly cheapest?: string;
}

/** Looks at every server that is offered now. */
export function explain(index: MarketIndex, wish: Wish): Why {
	const obstacles = new Map<Obstacle, number>();
	const free = freeFor(index, wish);
	// Those that its schedule alone keeps it from.
	const dear = wish.steps && freeFor(index, { ...wish, steps: undefined });
	let cheapest: number | undefined;
	for (const offer of index.offers) {
		for (const server of offer.servers) {
			if (free.get(offer)?.has(server)) continue;
			const atTheTime = dear?.get(offer)?.has(server) ? 'price' : 'not free';
			const obstacle = obstacleOf(wish, offer, server) ?? atTheTime;
			if (obstacle === 'price') cheapest = Math.min(cheapest ?? offer.price, offer.price);
			obstacles.set(obstacle, (obstacles.get(obstacle) ?? 0) + 1);
		}
	}
	const { most, seconds } = mostOf(index, wish);
	return {
		most,
		...(seconds !== undefined && { seconds }),
		obstacles: Object.fromEntries(obstacles),
		...(cheapest !== undefined && { cheapest: String(cheapest) }),
	};
}

function mostOf(index: MarketIndex, wish: Wish): Pick<Why, 'most' | 'seconds'> {
	const { pieces } = wish;
	if (pieces) {
		const names = slotsFor(index, { ...wish, pieces }).map(({ server }) => server.name);
		const all = { ...wish, pieces, quantity: Number.MAX_SAFE_INTEGER, allOrNothing: true };
		return { most: new Set(names).size, seconds: matchPieces(index, all).most };
	}
	return matchQuest({ ...wish, latest: lastStart(wish), quantity: Number.MAX_SAFE_INTEGER }, visit =>
		walkCandidates(index, wish, visit),
	);
}

/** The servers that a wish could have, by their offers. */
function freeFor(index: MarketIndex, wish: Wish): Map<IndexedOffer, Set<IndexedServer>> {
	const free = new Map<IndexedOffer, Set<IndexedServer>>();
	const add = ({ offer, server }: Pick<Slot, 'offer' | 'server'>): boolean => {
		free.set(offer, (free.get(offer) ?? new Set()).add(server));
		return true;
	};
	if (wish.pieces) slotsFor(index, { ...wish, pieces: wish.pieces }).forEach(add);
	else walkCandidates(index, wish, add);
	return free;
}

function obstacleOf(
	wish: Wish,
	{ document: offer, price }: IndexedOffer,
	{ name, kind }: IndexedServer,
): Obstacle | undefined {
	if (!kind || !isChosen(name, kind, wish.servers)) return 'other hardware';
	if (!wish.attestations.every(each => kind.attestations.includes(each))) return 'attestation';
	if (offer.project === wish.project || offer.chain?.includes(wish.project)) return 'own';
	if (offer.to !== null && !offer.to.includes(wish.project)) return 'not for you';
	const { shortest, longest } = wish.pieces
		? { shortest: wish.pieces.shortest, longest: wish.quantity * wish.length }
		: { shortest: wish.length, longest: wish.length };
	if (longest < offer.shortest || shortest > offer.longest) return 'length';
	return price > wish.highest ? 'price' : undefined;
}
