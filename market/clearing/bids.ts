import { isDeepStrictEqual } from 'node:util';
import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import type { Choice } from '../calendar/choice.ts';
import { marketErrors } from '../errors.ts';
import { tell } from '../event/events.ts';
import type { ServerKind } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { type Lease, leases } from '../lease/lease.ts';
import { reserve } from '../lease/reserve.ts';
import { holdCreditsAnew, releaseHold } from '../ledger/escrow.ts';
import { checkKey } from '../ledger/post.ts';
import { type Bid, type BidTerms, bids } from './bid.ts';
import { type Match, matchQuest } from './match.ts';
import { matchPieces, type Piece, type PiecesWish } from './pieces.ts';
import { type Step, stepsOf } from './schedule.ts';
import { explain, type Why } from './survey.ts';
import { lastStart, type Wish, walkCandidates } from './walk.ts';

/** What became of a bid. `lost` has changed nothing: the same bid, with the same key, may come again. */
export type Outcome =
	| ({ readonly outcome: 'leased'; readonly bid: string } & Made)
	| { readonly outcome: 'waiting'; readonly bid: string }
	/** Asked for again, and over in the meantime. */
	| { readonly outcome: 'withdrawn' | 'lapsed'; readonly bid: string }
	| ({ readonly outcome: 'lost' } & Why);

/** The lease that a bid became; in pieces the first one, and the others. */
export interface Made {
	readonly id: string;
	readonly lease: Lease;
	readonly more?: readonly { readonly id: string; readonly lease: Lease }[];
}

export interface World {
	/** Seconds since the epoch. */
	readonly now: number;
	readonly newId: () => string;
	/** Of the store that the transaction is of. */
	readonly index: MarketIndex;
	/** Bids wait for the next round, instead of being matched on arrival. */
	readonly inRounds?: boolean;
	/** There is a provisioner, from whose images servers boot. */
	readonly canBoot?: boolean;
	/** There is a service that attests servers before they are handed over. */
	readonly canAttest?: boolean;
}

/**
 * Matches an arriving bid with what is offered at this moment, and leases the servers: spans, escrow and lease in the
 * transaction that it is given. Each server costs what its offer asks, which is never more than the bid's highest. A bid that
 * is not met and may wait is kept, with the most that it could cost held.
 * @throws BidRefused, TimesRefused, KeyRefused, KeyReused, NoSuchLease, NoSuchAccount, AmountRefused, CreditsShort
 */
export async function placeBid(
	tx: Transaction,
	{ key, bid: terms }: { readonly key: string; readonly bid: BidTerms },
	world: World,
): Promise<Outcome> {
	checkKey(key);
	const { now, newId, index } = world;
	const before = await findPlaced(tx, key, terms);
	if (before) return before;
	checkTimes(terms, now);
	if (terms.boot && !world.canBoot)
		throw marketErrors.BidRefused(
			'Servers boot from no images here, for this market has no provisioner: bid without one.',
		);
	checkAttestation(terms, world);
	const steps = stepsFor(terms, now);
	const wish = await wishOf(tx, { terms, steps }, now);
	if (world.inRounds && terms.waitUntil === null)
		throw marketErrors.BidRefused('Bids are cleared in rounds here: say until when it waits.');
	const match = world.inRounds || wish.pieces ? undefined : matchWish(index, wish);
	const pieces = world.inRounds || !hasPieces(wish) ? [] : matchPieces(index, wish).pieces;
	const kept = { terms, key, placedAt: now, ...(steps && { steps }) };
	const id = newId();
	if (match) {
		const { project, length, boot, attestation } = terms;
		const made = await reserve(tx, { bid: id, project, match, length, boot, attestation }, world);
		await tx.insert(bids, id, { ...kept, state: 'leased', hold: null, lease: made.id });
		await tellLease(tx, made, now);
		return { outcome: 'leased', bid: id, ...made };
	}
	if (pieces.length > 0) {
		const made = await reservePieces(tx, { bid: id, terms, pieces }, world);
		await tx.insert(bids, id, { ...kept, state: 'leased', hold: null, ...namesOf(made) });
		return { outcome: 'leased', bid: id, ...made };
	}
	if (terms.waitUntil === null) return { outcome: 'lost', ...explain(index, wish) };
	const cause = { kind: 'bid', of: id, note: '' } as const;
	const held = { key: `bid/${id}/hold`, project: terms.project, amount: mostCost(terms), cause };
	const hold = (await holdCreditsAnew(tx, held, now * 1000)).id;
	await tx.insert(bids, id, { ...kept, state: 'waiting', hold, lease: null });
	await tell(tx, { kind: 'bid.waiting', of: id, projects: [terms.project] }, now);
	return { outcome: 'waiting', bid: id };
}

/** @throws BidRefused */
function checkAttestation({ attestation, boot }: BidTerms, { canAttest }: World): void {
	if (attestation?.by !== 'provider') return;
	if (!canAttest)
		throw marketErrors.BidRefused(
			'Nobody attests servers here, for this market has no service that does: bid with attestation by "none" or "own".',
		);
	// Booted anew, it would be attested no longer, and be cut off.
	if (boot)
		throw marketErrors.BidRefused(
			'A server that the provider attests runs what was attested: leave the image out, and have the airlock start your system.',
		);
}

/** What its schedule means; undefined without one. @throws BidRefused, TimesRefused */
function stepsFor({ schedule, earliest, latest, highest }: BidTerms, now: number): Step[] | undefined {
	if (!schedule || schedule.length === 0) return undefined;
	return stepsOf(schedule, { earliest: Math.max(earliest, now), latest, highest: Number(highest) });
}

/** Microcredits. */
const mostCost = ({ highest, quantity, length }: BidTerms): bigint =>
	BigInt(highest) * BigInt(quantity) * BigInt(length);

export const hasPieces = (wish: Wish): wish is PiecesWish => wish.pieces !== undefined;

const namesOf = ({ id, more = [] }: Made): Pick<Bid, 'lease' | 'leases'> => ({
	lease: id,
	leases: [id, ...more.map(each => each.id)],
});

/** A lease for each piece. */
async function reservePieces(
	tx: Transaction,
	{
		bid,
		terms: { project, boot, attestation },
		pieces,
	}: { bid: string; terms: BidTerms; pieces: readonly Piece[] },
	world: Pick<World, 'now' | 'newId'>,
): Promise<Made> {
	const made: { id: string; lease: Lease }[] = [];
	for (const { match, length } of pieces) {
		const each = await reserve(tx, { bid, project, match, length, boot, attestation }, world);
		await tellLease(tx, each, world.now);
		made.push(each);
	}
	const [first, ...more] = made;
	if (!first) throw new Error('a bid that is met by no pieces');
	return { ...first, more };
}

/** Leases to a bid that waits, if it is met now; the ids of its leases. `floor`: see `matchPieces`. */
export async function retryBid(
	tx: Transaction,
	id: string,
	world: World,
	floor?: ReadonlyMap<ServerKind, number>,
): Promise<readonly string[]> {
	const found = await tx.get(bids, id);
	if (found?.state !== 'waiting' || found.terms.latest < world.now) return [];
	const wish = await wishOf(tx, found, world.now);
	if (!hasPieces(wish)) {
		const match = matchWish(world.index, wish);
		return match ? [await leaseTo(tx, { id, bid: found, match }, world)] : [];
	}
	const { pieces } = matchPieces(world.index, wish, floor);
	if (pieces.length === 0) return [];
	if (found.hold === null) throw new Error(`bid ${id} waits and nothing is held for it`);
	// Each lease has a hold of its own, out of what was held for all.
	const cause = { kind: 'bid', of: id, note: '' } as const;
	await releaseHold(tx, { key: `bid/${id}/met`, hold: found.hold, cause }, world.now * 1000);
	const made = await reservePieces(tx, { bid: id, terms: found.terms, pieces }, world);
	const { lease, leases: names = [] } = namesOf(made);
	await tx.put(bids, id, { ...found, state: 'leased', hold: null, lease, leases: names });
	return names;
}

/** Makes a bid that waits a lease. `price`: see `reserve`. */
export async function leaseTo(
	tx: Transaction,
	{ id, bid, match, price }: { id: string; bid: Bid; match: Match; price?: number },
	world: Pick<World, 'now' | 'newId'>,
): Promise<string> {
	const { terms, hold } = bid;
	if (hold === null) throw new Error(`bid ${id} waits and nothing is held for it`);
	const held = { hold, amount: mostCost(terms) };
	const { project, length, boot, attestation } = terms;
	const of = { bid: id, project, match, length, boot, attestation, held };
	const made = await reserve(tx, { ...of, ...(price !== undefined && { price }) }, world);
	await tx.put(bids, id, { ...bid, state: 'leased', hold: null, lease: made.id });
	await tellLease(tx, made, world.now);
	return made.id;
}

/**
 * Ends the waiting of a bid: what was held for it goes back.
 * @throws NoSuchBid, BidSettled
 */
export async function withdrawBid(
	tx: Transaction,
	{ id, state }: { readonly id: string; readonly state: 'withdrawn' | 'lapsed' },
	now: number,
): Promise<void> {
	const found = await mustFindBid(tx, id);
	if (found.state !== 'waiting' || found.hold === null) {
		const what = found.state === 'leased' ? `became lease ${found.lease}` : `is ${found.state} already`;
		throw marketErrors.BidSettled(`Bid ${id} ${what}.`);
	}
	const cause = { kind: 'refund', of: id, note: '' } as const;
	await releaseHold(tx, { key: `bid/${id}/refund`, hold: found.hold, cause }, now * 1000);
	await tx.put(bids, id, { ...found, state, hold: null });
	await tell(tx, { kind: `bid.${state}`, of: id, projects: [found.terms.project] }, now);
}

/** @throws NoSuchBid */
export async function mustFindBid(tx: ReadTransaction, id: string): Promise<Bid> {
	const found = id === '' ? undefined : await tx.get(bids, id);
	if (!found) throw marketErrors.NoSuchBid(`There is no bid ${id} of yours.`);
	return found;
}

/** What a bid asks for from now on. @throws NoSuchLease */
export const wishOf = async (
	tx: ReadTransaction,
	bid: Pick<Bid, 'terms' | 'steps'>,
	now: number,
): Promise<Wish> => wishFor(bid, await choiceOf(tx, bid.terms), now);

/** The same, when it is known which servers those are. */
export function wishFor({ terms, steps }: Pick<Bid, 'terms' | 'steps'>, servers: Choice, now: number): Wish {
	const { project, quantity, attestations, earliest, latest, length, deadline, allOrNothing, pieces } = terms;
	return {
		...{ project, quantity, attestations, latest, length, deadline, allOrNothing, pieces, steps, servers },
		earliest: Math.max(earliest, now),
		highest: Number(terms.highest),
	};
}

function matchWish(index: MarketIndex, wish: Wish): Match | undefined {
	return matchQuest({ ...wish, latest: lastStart(wish) }, visit => walkCandidates(index, wish, visit)).match;
}

const tellLease = (
	tx: Transaction,
	{ id, lease }: { id: string; lease: Lease },
	now: number,
): Promise<void> => tell(tx, { kind: 'lease.reserved', of: id, projects: partiesOf(lease) }, now);

/** Whom a lease is about: its project and the servers' owners, and who has leased them on. */
export function partiesOf({ project, servers }: Lease): string[] {
	const parties = new Set([project]);
	for (const { owner, chain } of servers) {
		parties.add(owner);
		for (const each of chain ?? []) parties.add(each);
	}
	return [...parties];
}

/** What the same key was used for before. @throws KeyReused */
async function findPlaced(tx: Transaction, key: string, terms: BidTerms): Promise<Outcome | undefined> {
	const where = { index: 'key', equals: `${terms.project}/${key}` };
	const [before] = await tx.list(bids, { where, limit: 1 });
	if (!before) return undefined;
	if (!isDeepStrictEqual(before.document.terms, terms)) {
		throw marketErrors.KeyReused(`The key ${key} belongs to another bid: take a new one.`);
	}
	const { state, lease: id } = before.document;
	if (state !== 'leased' || id === null)
		return { outcome: state === 'leased' ? 'waiting' : state, bid: before.id };
	const made: { id: string; lease: Lease }[] = [];
	for (const each of before.document.leases ?? [id]) {
		const lease = await tx.get(leases, each);
		if (!lease) throw new Error(`bid ${before.id} became lease ${each}, which is not there`);
		made.push({ id: each, lease });
	}
	const [first, ...more] = made;
	if (!first) throw new Error(`bid ${before.id} became no lease`);
	return { outcome: 'leased', bid: before.id, ...first, ...(before.document.leases && { more }) };
}

function checkTimes(terms: BidTerms, now: number): void {
	const { earliest, latest, quantity, deadline, waitUntil, pieces } = terms;
	const length = pieces?.shortest ?? terms.length;
	if (length > quantity * terms.length)
		throw marketErrors.BidRefused('Its shortest piece is longer than all that it asks for.');
	if (latest < now) throw marketErrors.BidRefused('The last second at which it could begin is past.');
	if (latest < earliest)
		throw marketErrors.BidRefused('It cannot begin before it begins: latest is before earliest.');
	if (deadline !== null && Math.max(earliest, now) + length > deadline) {
		throw marketErrors.BidRefused('Even if it begins at the earliest, it ends after its deadline.');
	}
	if (waitUntil !== null && waitUntil <= now)
		throw marketErrors.BidRefused('The second until which it waits is past.');
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
