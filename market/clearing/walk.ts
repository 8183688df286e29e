import { type Choice, isChosen } from '../calendar/choice.ts';
import type { IndexedOffer, ServerKind, Slot } from '../index/entry.ts';
import type { Stretch } from '../index/free-hours.ts';
import { compareSlots, walkLanes } from '../index/lane.ts';
import type { MarketIndex } from '../index/market-index.ts';
import type { BidTerms } from './bid.ts';
import type { Candidate } from './match.ts';
import { eachAffordable, limitAt, type Step } from './schedule.ts';

/** What a bid asks for, its servers chosen and its window cut to what is to come. */
export type Wish = Pick<
	BidTerms,
	| 'project'
	| 'quantity'
	| 'attestations'
	| 'earliest'
	| 'latest'
	| 'length'
	| 'deadline'
	| 'allOrNothing'
	| 'pieces'
> & {
	readonly servers: Choice;
	/** The most that it would pay at any start. */
	readonly highest: number;
	/** The most that it would pay from some starts on, if that is not always the same. */
	readonly steps?: readonly Step[] | undefined;
};

/** Whether servers of a kind are what is asked for, as far as the kind tells. */
export const isOfKind = ({ servers, attestations }: Wish, kind: ServerKind): boolean =>
	attestations.every(each => kind.attestations.includes(each)) &&
	('names' in servers || isChosen('', kind, servers));

/**
 * Visits what a wish could have, in the order in which it is taken: cheapest first, then what was offered first, then by the
 * offer's id and the server's name. Ends when `visit` returns false.
 */
export function walkCandidates(
	index: MarketIndex,
	wish: Wish,
	visit: (candidate: Candidate) => boolean,
): void {
	const last = lastStart(wish);
	if (last < wish.earliest) return;
	const times = { earliest: wish.earliest, latest: last, length: wish.length };
	walkSlots(index, wish, times, slot => {
		if (!isOpenTo(slot.offer, wish)) return true;
		return visitStarts(slot, wish, last, visit);
	});
}

/**
 * Visits the slots of the right hardware that are not too dear, in the same order; those may be left out of which no server is
 * free for `length` seconds on end from a second on that is between `earliest` and `latest`.
 */
export function walkSlots(
	index: MarketIndex,
	wish: Wish,
	stretch: Stretch,
	visit: (slot: Slot) => boolean,
): void {
	const visitSlot = (slot: Slot): boolean => slot.offer.price <= wish.highest && visit(slot);
	if ('names' in wish.servers) {
		namedSlots(index, wish, wish.servers.names).every(visitSlot);
		return;
	}
	const lanes = [...index.kinds].filter(kind => isOfKind(wish, kind)).map(({ lane }) => lane);
	walkLanes(lanes, { stretch, isPast: ({ offer }) => offer.price > wish.highest }, visitSlot);
}

function namedSlots(index: MarketIndex, wish: Wish, names: readonly string[]): Slot[] {
	const found: Slot[] = [];
	for (const name of new Set(names)) {
		const server = index.server(name);
		if (server?.kind && isOfKind(wish, server.kind)) found.push(...server.slots.values());
	}
	return found.sort(compareSlots);
}

/** The last second at which it can begin. */
export const lastStart = ({ latest, length, deadline }: Wish): number =>
	deadline === null ? latest : Math.min(latest, deadline - length);

/** Whether its terms let the bid's project have it for so long. */
export const isOpenTo = (offer: IndexedOffer, wish: Wish): boolean =>
	wish.length >= offer.document.shortest && wish.length <= offer.document.longest && isFor(offer, wish);

/** Whether its terms let the bid's project have it. */
export const isFor = ({ document }: IndexedOffer, { project }: Wish): boolean =>
	document.project !== project &&
	// Who has it leased already cannot have it from those who have it from him.
	document.chain?.includes(project) !== true &&
	(document.to === null || document.to.includes(project));

function visitStarts(
	{ offer, server, leased }: Slot,
	wish: Wish,
	latest: number,
	visit: (candidate: Candidate) => boolean,
): boolean {
	const { earliest, length } = wish;
	for (const interval of offer.document.intervals) {
		if (interval.start > latest) return true;
		const start = Math.max(interval.start, earliest);
		const end = Math.min(interval.end, latest + length);
		if (end - start < length) continue;
		if (earliest === latest) {
			if (offer.price > limitAt(wish, start) || !leased.isFree(start, end)) continue;
			return visit({ offer, server, price: offer.price, first: start, last: start });
		}
		const goesOn = leased.eachFree({ start, end }, (from, to) =>
			to - from < length
				? true
				: eachAffordable(wish, offer.price, { first: from, last: to - length }, (first, last) =>
						visit({ offer, server, price: offer.price, first, last }),
					),
		);
		if (!goesOn) return false;
	}
	return true;
}
