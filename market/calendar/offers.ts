import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { marketErrors } from '../errors.ts';
import { tell } from '../event/events.ts';
import { footingOf } from '../lease/sublease.ts';
import { isChosen } from './choice.ts';
import { type Interval, intervalText, merged, overlapping } from './interval.ts';
import { type Offer, type OfferTerms, offers } from './offer.ts';
import { placeOf } from './place.ts';
import { mustFindServer, ownerOf, servers } from './server.ts';
import { dropSpans, offeredSpans, takeSpan } from './span.ts';
import { weeklyIntervals } from './weekly.ts';

/** Servers times intervals of one offer, so that a mistake in a query is not written out for minutes. */
const largestOffer = 20_000;

interface World {
	/** Seconds since the epoch. */
	readonly now: number;
	readonly newId: () => string;
}

/**
 * Offers servers of a project, its own or those that it has leased, and returns the offer's id.
 * @throws OfferRefused, TimesRefused, NoSuchServer, NotTheOwner, NoServerMatches; OffersOverlap also for an offer sent twice;
 * what `footingOf` throws
 */
export async function makeOffer(tx: Transaction, terms: OfferTerms, world: World): Promise<string> {
	const footing = terms.under === undefined ? undefined : await footingOf(tx, terms);
	const intervals = intervalsOf(terms, world.now, footing?.within);
	checkLengths(terms, intervals);
	const offered = footing?.servers ?? (await chosenServers(tx, terms));
	if (offered.length * intervals.length > largestOffer) {
		throw marketErrors.OfferRefused(
			`${offered.length} servers in ${intervals.length} intervals are more than one offer can have: make several.`,
		);
	}
	const id = world.newId();
	for (const server of offered) {
		for (const { start, end } of intervals) {
			const taken = await takeSpan(tx, offeredSpans, {
				server: placeOf(server, terms.under),
				start,
				end,
				by: id,
			});
			if (!taken) continue;
			throw marketErrors.OffersOverlap(
				`${server} is offered from ${intervalText(taken)} already, in offer ${taken.by}.`,
			);
		}
	}
	const offer: Offer = { ...terms, offered, intervals, state: 'open', madeAt: world.now };
	const made = footing ? { ...offer, to: footing.to, chain: footing.chain } : offer;
	await tx.insert(offers, id, made);
	await tell(tx, { kind: 'offer.made', of: id, projects: whoSees(made) }, world.now);
	return id;
}

/**
 * Takes an offer back: nothing is leased under it any more. Leases that there are go on.
 * @throws NoSuchOffer, OfferWithdrawn
 */
export async function withdrawOffer(
	tx: Transaction,
	{ id, project }: { readonly id: string; readonly project: string },
	now: number,
): Promise<void> {
	const found = await mustFindOffer(tx, id);
	if (found.project !== project) throw noSuchOffer(id);
	if (found.state !== 'open') throw marketErrors.OfferWithdrawn(`Offer ${id} is ${found.state} already.`);
	await closeOffer(tx, id, found, 'withdrawn', now);
}

/** Closes an offer all of whose times are past; others stay as they are. `now` in seconds. */
export async function expireOffer(tx: Transaction, id: string, now: number): Promise<void> {
	const found = await mustFindOffer(tx, id);
	if (found.state === 'open' && lastSecond(found) <= now) await closeOffer(tx, id, found, 'over', now);
}

/** When the last of its times ends. */
export const lastSecond = ({ intervals }: Offer): number => intervals.at(-1)?.end ?? 0;

/** Takes back what is offered out of a lease: all of it, or the offers that have this server. */
export async function closeOffersUnder(
	tx: Transaction,
	{ lease, server }: { readonly lease: string; readonly server?: string },
	now: number,
): Promise<void> {
	for (const { id, document } of await tx.list(offers, { where: { index: 'under', equals: lease } }))
		if (server === undefined || document.offered.includes(server))
			await closeOffer(tx, id, document, 'withdrawn', now);
}

async function closeOffer(
	tx: Transaction,
	id: string,
	offer: Offer,
	state: 'withdrawn' | 'over',
	now: number,
): Promise<void> {
	await dropSpans(tx, offeredSpans, id);
	await tx.put(offers, id, { ...offer, state });
	await tell(tx, { kind: `offer.${state}`, of: id, projects: whoSees(offer) }, now);
}

/** Everybody, when it may go to anybody. Whoever let its servers on sees what becomes of them. */
export const whoSees = ({ project, to, chain = [] }: Pick<Offer, 'project' | 'to' | 'chain'>): string[] =>
	to === null ? [] : [...new Set([project, ...to, ...chain])];

/** @throws NoSuchOffer */
export async function mustFindOffer(tx: ReadTransaction, id: string): Promise<Offer> {
	const found = id === '' ? undefined : await tx.get(offers, id);
	if (!found) throw noSuchOffer(id);
	return found;
}

const noSuchOffer = (id: string) => marketErrors.NoSuchOffer(`There is no offer ${id} of yours.`);

/**
 * What is left of the times from now on; what adjoins is one interval, in which a lease can go on. Hours of the week are cut to
 * what there is of a lease; other times have to lie within it.
 */
function intervalsOf({ times, under }: OfferTerms, now: number, within?: Interval): Interval[] {
	if (times.type === 'once') {
		const [first, second] = overlapping(times.intervals) ?? [];
		if (first && second) {
			throw marketErrors.TimesRefused(`${intervalText(first)} and ${intervalText(second)} overlap.`);
		}
	}
	const all = merged(times.type === 'once' ? times.intervals : weeklyIntervals(times));
	const from = Math.max(now, within?.start ?? 0);
	const until = within?.end ?? Number.MAX_SAFE_INTEGER;
	const outside = all.find(({ start, end }) => end > now && (Math.max(start, now) < from || end > until));
	if (within && outside && times.type === 'once') {
		throw marketErrors.TimesRefused(
			`Lease ${under} has these servers from ${intervalText(within)}: not for all of ${intervalText(outside)}.`,
		);
	}
	const left = all
		.map(({ start, end }) => ({ start: Math.max(start, from), end: Math.min(end, until) }))
		.filter(({ start, end }) => start < end);
	if (left.length === 0) throw marketErrors.TimesRefused('All of these times are past.');
	return left;
}

function checkLengths({ shortest, longest }: OfferTerms, intervals: readonly Interval[]): void {
	if (shortest > longest) {
		throw marketErrors.OfferRefused(`A lease of at least ${shortest} s cannot last at most ${longest} s.`);
	}
	if (intervals.every(({ start, end }) => end - start < shortest)) {
		throw marketErrors.OfferRefused(`No interval is long enough for a lease of ${shortest} s.`);
	}
}

async function chosenServers(
	tx: ReadTransaction,
	{ project, servers: wanted }: OfferTerms,
): Promise<string[]> {
	if ('names' in wanted) {
		const names = [...new Set(wanted.names)].sort();
		for (const name of names) {
			if (ownerOf(await mustFindServer(tx, name)) === project) continue;
			throw marketErrors.NotTheOwner(`Server ${name} is not ${project}'s to offer.`);
		}
		return names;
	}
	const own = await tx.list(servers, { where: { index: 'owner', equals: project } });
	const found = own.filter(({ id, document }) => isChosen(id, document, wanted)).map(({ id }) => id);
	if (found.length === 0) {
		throw marketErrors.NoServerMatches(`None of ${project}'s ${own.length} servers is as the query says.`);
	}
	return found;
}
