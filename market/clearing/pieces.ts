import type { ServerKind, Slot } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import type { Candidate, Match } from './match.ts';
import { eachAffordable } from './schedule.ts';
import { isFor, type Wish, walkSlots } from './walk.ts';

/** A wish that may be met in pieces: `quantity` times `length` server-seconds in all. */
export type PiecesWish = Wish & { readonly pieces: NonNullable<Wish['pieces']> };

/** One server for some seconds on end, as a lease of its own. */
export interface Piece {
	readonly match: Match;
	readonly length: number;
}

/** A time at which a server can be had: from `start` on for `room` seconds at most, and for `least` if at all. */
interface Stretch {
	readonly candidate: Candidate;
	readonly room: number;
	readonly least: number;
}

/** More leases than these are made for no bid. */
const mostPieces = 200;

export interface PiecesMatch {
	/** None when it is not met. */
	readonly pieces: readonly Piece[];
	/** Server-seconds that could be had, at most; all there are, when it is not met. */
	readonly most: number;
}

/**
 * The pieces that a wish gets. Stretches of free time are taken in the order of their prices, no more of them than are needed;
 * if their least lengths are together too long then, the longest stretches are taken instead. Each piece has its least length,
 * and what is left is given to the cheapest first. `floor`: what a server of a kind costs at least.
 */
export function matchPieces(
	index: MarketIndex,
	wish: PiecesWish,
	floor?: ReadonlyMap<ServerKind, number>,
): PiecesMatch {
	const wanted = wish.quantity * wish.length;
	const found: Stretch[] = [];
	let most = 0;
	let least = 0;
	walkStretches(index, wish, floor, stretch => {
		found.push(stretch);
		most += stretch.room;
		least += stretch.least;
		return most < wanted || least > wanted;
	});
	if (most < wanted && wish.allOrNothing) return { pieces: [], most };
	const total = Math.min(wanted, most);
	const longest = [...found].sort((a, b) => b.room - a.room);
	const chosen =
		enoughOf(found, total) ?? enoughOf(longest, total) ?? (wish.allOrNothing ? [] : fewerOf(longest, total));
	const inOrder = found.filter(stretch => chosen.includes(stretch));
	return { pieces: cut(inOrder, total), most };
}

/** Whether there is any stretch for it. */
export function couldHave(index: MarketIndex, wish: PiecesWish): boolean {
	let isThere = false;
	walkStretches(index, wish, undefined, () => {
		isThere = true;
		return false;
	});
	return isThere;
}

/** Every stretch that there is for it, by slots. */
export function slotsFor(index: MarketIndex, wish: PiecesWish): Candidate[] {
	const found: Candidate[] = [];
	walkStretches(index, wish, undefined, ({ candidate }) => found.push(candidate) > 0);
	return found;
}

function walkStretches(
	index: MarketIndex,
	wish: PiecesWish,
	floor: ReadonlyMap<ServerKind, number> | undefined,
	visit: (stretch: Stretch) => boolean,
): void {
	const { earliest, latest, deadline, pieces } = wish;
	const end = deadline ?? Number.MAX_SAFE_INTEGER;
	walkSlots(index, wish, { earliest, latest, length: pieces.shortest }, ({ offer, server, leased }: Slot) => {
		const { document } = offer;
		if (!isFor(offer, wish)) return true;
		const least = Math.max(pieces.shortest, document.shortest);
		const price = Math.max(offer.price, (server.kind && floor?.get(server.kind)) ?? 0);
		const longest = Math.min(document.longest, wish.quantity * wish.length);
		if (least > longest || price > wish.highest) return true;
		let isWanted = true;
		for (const interval of document.intervals) {
			if (!isWanted || interval.start > latest) break;
			const within = { start: Math.max(interval.start, earliest), end: Math.min(interval.end, end) };
			if (within.end - within.start < least) continue;
			leased.eachFree(within, (from, to) => {
				const last = Math.min(latest, to - least);
				if (from > last) return true;
				// One piece of a stretch, so that no two leases go round the longest that the offer allows.
				eachAffordable(wish, price, { first: from, last }, first => {
					const room = Math.min(to - first, longest);
					isWanted = visit({ candidate: { offer, server, price, first, last: first }, room, least });
					return false;
				});
				return isWanted;
			});
		}
		return isWanted;
	});
}

const sum = (stretches: readonly Stretch[], what: 'room' | 'least'): number =>
	stretches.reduce((total, each) => total + each[what], 0);

/** As many of the first ones as there have to be; undefined when they are too many, or together too long at least. */
function enoughOf(stretches: readonly Stretch[], total: number): Stretch[] | undefined {
	const chosen: Stretch[] = [];
	for (let room = 0; room < total; ) {
		const next = stretches[chosen.length];
		if (!next || chosen.length === mostPieces) return undefined;
		chosen.push(next);
		room += next.room;
	}
	return sum(chosen, 'least') <= total ? chosen : undefined;
}

/** As many of the first ones as do not exceed the total at least. */
function fewerOf(stretches: readonly Stretch[], total: number): Stretch[] {
	const chosen: Stretch[] = [];
	let least = 0;
	for (const each of stretches) {
		if (chosen.length === mostPieces || least + each.least > total) break;
		chosen.push(each);
		least += each.least;
	}
	return chosen;
}

/** Each has its least; what is left goes to the first ones. */
function cut(chosen: readonly Stretch[], total: number): Piece[] {
	let left = total - sum(chosen, 'least');
	return chosen.map(({ candidate, room, least }) => {
		const more = Math.min(room - least, left);
		left -= more;
		return { match: { start: candidate.first, taken: [candidate] }, length: least + more };
	});
}
