import type { ReadTransaction } from '../../common/store/store.ts';
import { type Choice, isChosen } from '../calendar/choice.ts';
import type { Interval } from '../calendar/interval.ts';
import { type Offer, offers } from '../calendar/offer.ts';
import { mustFindServer, type Server } from '../calendar/server.ts';
import { leasedSpans, spansWithin } from '../calendar/span.ts';
import type { BidTerms } from './bid.ts';
import { type Candidate, startsOf } from './match.ts';

/** Why an offered server cannot be had, in the order in which it is looked at. */
export type Obstacle =
	| 'other hardware'
	| 'attestation'
	| 'own'
	| 'not for you'
	| 'length'
	| 'price'
	| 'not free';

export interface Survey {
	readonly candidates: readonly Candidate[];
	/** How many offered servers each obstacle kept out. A server in several offers counts once for each. */
	readonly obstacles: ReadonlyMap<Obstacle, number>;
	/** The least price, in microcredits for a second, of what is right but for its price. */
	readonly cheapest?: bigint;
}

/** Looks at every server that is offered now. */
export async function surveyOffers(
	tx: ReadTransaction,
	bid: BidTerms & { readonly servers: Choice },
): Promise<Survey> {
	const candidates: Candidate[] = [];
	const obstacles = new Map<Obstacle, number>();
	let cheapest: bigint | undefined;
	for (const { id, document: offer } of await tx.list(offers, { where: { index: 'open', equals: 'yes' } })) {
		for (const server of offer.offered) {
			const facts = await mustFindServer(tx, server);
			const price = BigInt(offer.price);
			let obstacle = obstacleOf(bid, offer, server, facts);
			if (obstacle === 'price' && (cheapest === undefined || price < cheapest)) cheapest = price;
			if (obstacle === undefined) {
				const about = { server, offer: id, owner: offer.project, offeredAt: offer.madeAt, price };
				const found = (await freeTimes(tx, server, offer, bid)).map(free => ({ ...about, free }));
				candidates.push(...found);
				if (found.length === 0) obstacle = 'not free';
			}
			if (obstacle !== undefined) obstacles.set(obstacle, (obstacles.get(obstacle) ?? 0) + 1);
		}
	}
	return { candidates, obstacles, ...(cheapest !== undefined && { cheapest }) };
}

function obstacleOf(
	bid: BidTerms & { readonly servers: Choice },
	offer: Offer,
	name: string,
	server: Server,
): Obstacle | undefined {
	if (!isChosen(name, server, bid.servers)) return 'other hardware';
	if (!bid.attestations.every(each => server.attestations.includes(each))) return 'attestation';
	if (offer.project === bid.project) return 'own';
	if (offer.to !== null && !offer.to.includes(bid.project)) return 'not for you';
	if (bid.length < offer.shortest || bid.length > offer.longest) return 'length';
	if (BigInt(offer.price) > BigInt(bid.highest)) return 'price';
	return undefined;
}

/** What is offered less what is leased, as far as the bid can begin and end in it. */
async function freeTimes(
	tx: ReadTransaction,
	server: string,
	{ intervals }: Offer,
	bid: BidTerms,
): Promise<Interval[]> {
	const found: Interval[] = [];
	for (const offered of intervals) {
		const window = {
			start: Math.max(offered.start, bid.earliest),
			end: Math.min(offered.end, bid.latest + bid.length),
		};
		if (window.end - window.start < bid.length) continue;
		let { start } = window;
		for (const leased of await spansWithin(tx, leasedSpans, server, window)) {
			if (start < leased.start) found.push({ start, end: leased.start });
			start = leased.end;
		}
		if (start < window.end) found.push({ start, end: window.end });
	}
	return found.filter(free => {
		const { first, last } = startsOf(bid, { free });
		return first <= last;
	});
}
