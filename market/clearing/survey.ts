import { isChosen } from '../calendar/choice.ts';
import type { IndexedOffer, IndexedServer } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { matchQuest } from './match.ts';
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
	/** How many servers could be had at once, at most. */
	readonly most: number;
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
	const { most } = matchQuest(
		{ ...wish, latest: lastStart(wish), quantity: Number.MAX_SAFE_INTEGER },
		visit => walkCandidates(index, wish, visit),
	);
	return {
		most,
		obstacles: Object.fromEntries(obstacles),
		...(cheapest !== undefined && { cheapest: String(cheapest) }),
	};
}

/** The servers that a wish could have, by their offers. */
function freeFor(index: MarketIndex, wish: Wish): Map<IndexedOffer, Set<IndexedServer>> {
	const free = new Map<IndexedOffer, Set<IndexedServer>>();
	walkCandidates(index, wish, ({ offer, server }) => {
		free.set(offer, (free.get(offer) ?? new Set()).add(server));
		return true;
	});
	return free;
}

function obstacleOf(
	wish: Wish,
	{ document: offer, price }: IndexedOffer,
	{ name, kind }: IndexedServer,
): Obstacle | undefined {
	if (!kind || !isChosen(name, kind, wish.servers)) return 'other hardware';
	if (!wish.attestations.every(each => kind.attestations.includes(each))) return 'attestation';
	if (offer.project === wish.project) return 'own';
	if (offer.to !== null && !offer.to.includes(wish.project)) return 'not for you';
	if (wish.length < offer.shortest || wish.length > offer.longest) return 'length';
	return price > wish.highest ? 'price' : undefined;
}
