import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import type { Choice } from '../calendar/choice.ts';
import { leasedSpans, takeSpan } from '../calendar/span.ts';
import { marketErrors } from '../errors.ts';
import { holdCredits } from '../ledger/escrow.ts';
import { checkKey } from '../ledger/post.ts';
import { type BidTerms, type Lease, leases } from './bid.ts';
import { type Obstacle, surveyOffers } from './candidates.ts';
import { matchWish } from './match.ts';

/** What became of a bid. `lost` has changed nothing: the same bid, with the same key, may come again. */
export type Outcome =
	| { readonly outcome: 'leased'; readonly id: string; readonly lease: Lease }
	| {
			readonly outcome: 'lost';
			/** How many servers could be had at once, at most. */
			readonly most: number;
			readonly obstacles: Readonly<Partial<Record<Obstacle, number>>>;
			/** Microcredits for a second: the least that would have helped against `price`. */
			readonly cheapest?: string;
	  };

interface World {
	/** Seconds since the epoch. */
	readonly now: number;
	readonly newId: () => string;
}

/**
 * Matches an arriving bid with what is offered at this moment, and leases the servers: spans, escrow and lease in the
 * transaction that it is given. Each server costs what its offer asks, which is never more than the bid's highest.
 * @throws BidRefused, KeyRefused, KeyReused, NoSuchLease, NoSuchAccount, AmountRefused, CreditsShort
 */
export async function placeBid(
	tx: Transaction,
	{ key, bid }: { readonly key: string; readonly bid: BidTerms },
	{ now, newId }: World,
): Promise<Outcome> {
	checkKey(key);
	const asked = JSON.stringify(bid);
	const [before] = await tx.list(leases, {
		where: { index: 'key', equals: `${bid.project}/${key}` },
		limit: 1,
	});
	if (before) {
		if (before.document.asked === asked) return { outcome: 'leased', id: before.id, lease: before.document };
		throw marketErrors.KeyReused(`The key ${key} belongs to another bid: take a new one.`);
	}
	const wish = { ...bid, earliest: Math.max(bid.earliest, now) };
	checkTimes(wish, now);
	const { candidates, obstacles, cheapest } = await surveyOffers(tx, {
		...wish,
		servers: await choiceOf(tx, bid),
	});
	const { match, most } = matchWish(wish, candidates);
	if (!match) {
		const why = { most, obstacles: Object.fromEntries(obstacles) };
		return { outcome: 'lost', ...why, ...(cheapest !== undefined && { cheapest: cheapest.toString() }) };
	}
	const { start, taken } = match;
	const id = newId();
	const end = start + bid.length;
	for (const { server } of taken) {
		const inTheWay = await takeSpan(tx, leasedSpans, { server, start, end, by: id });
		if (inTheWay) throw new Error(`${server} was matched and is leased by ${inTheWay.by}`);
	}
	const amount = taken.reduce((sum, { price }) => sum + price, 0n) * BigInt(bid.length);
	const cause = { kind: 'bid', of: id, note: '' } as const;
	// Not the bidder's key: it could be chosen to be in the way of what the market itself pays later.
	const hold = await holdCredits(
		tx,
		{ key: `lease/${id}/hold`, project: bid.project, amount, cause },
		now * 1000,
	);
	const lease: Lease = {
		state: 'reserved',
		project: bid.project,
		key,
		asked,
		servers: taken.map(({ server, owner, offer, price }) => ({
			server,
			owner,
			offer,
			price: price.toString(),
		})),
		start,
		end,
		hold: hold.id,
		cost: amount.toString(),
		madeAt: now,
	};
	await tx.insert(leases, id, lease);
	return { outcome: 'leased', id, lease };
}

function checkTimes({ earliest, latest, length, deadline }: BidTerms, now: number): void {
	if (latest < now) throw marketErrors.BidRefused('The last second at which it could begin is past.');
	if (latest < earliest)
		throw marketErrors.BidRefused('It cannot begin before it begins: latest is before earliest.');
	if (deadline !== null && earliest + length > deadline) {
		throw marketErrors.BidRefused('Even if it begins at the earliest, it ends after its deadline.');
	}
}

/** @throws NoSuchLease */
async function choiceOf(tx: ReadTransaction, { project, servers }: BidTerms): Promise<Choice> {
	if (!('sameAs' in servers)) return servers;
	const former = await tx.get(leases, servers.sameAs);
	if (former?.project !== project) {
		throw marketErrors.NoSuchLease(`There is no lease ${servers.sameAs} of ${project}'s.`);
	}
	return { names: former.servers.map(({ server }) => server) };
}
