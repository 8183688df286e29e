import type { Interval } from '../calendar/interval.ts';
import { limitAt } from '../clearing/schedule.ts';
import { isOpenTo, type Wish } from '../clearing/walk.ts';
import type { ServerKind, Slot } from '../index/entry.ts';
import { ofStep, type Steps } from './turns.ts';

/** A bid of a round. */
export interface RoundBid {
	readonly id: string;
	readonly wish: Wish;
	/** The seconds at which it can begin, both included. */
	readonly first: number;
	readonly last: number;
	readonly kinds: readonly ServerKind[];
	/** The servers that it names, if it does. */
	readonly names: ReadonlySet<string> | undefined;
}

/** The second before which all that it could have is over. */
export function endOf({ last, wish }: RoundBid): number {
	const { pieces, quantity, length, deadline } = wish;
	if (!pieces) return last + length;
	return Math.min(deadline ?? Number.MAX_SAFE_INTEGER, last + quantity * length);
}

/** Whether a bid may have a server of one of its kinds. */
export const accepts = ({ wish, names }: RoundBid, { offer, server }: Slot): boolean =>
	isOpenTo(offer, wish) && (names?.has(server.name) ?? true);

/** Bids and servers that have nothing to do with others: no bid of another pool would take one of these servers. */
export interface Pool {
	/** Whoever would pay most first, then who has waited longest. */
	readonly bids: readonly RoundBid[];
	/** Of each kind in the order in which they are taken. */
	readonly lanes: ReadonlyMap<ServerKind, readonly Slot[]>;
}

export interface Award {
	readonly bid: RoundBid;
	readonly start: number;
	readonly slots: readonly Slot[];
}

/** Microcredits that buyer and seller have of it together: what the bid would pay at most, less what the offers ask. */
export const gainOf = (award: Award): bigint => {
	const limit = limitOf(award);
	const each = award.slots.reduce((sum, { offer }) => sum + limit - offer.price, 0);
	return BigInt(each) * BigInt(award.bid.wish.length);
};

/** The most that a server may cost, beginning when these do. */
export const limitOf = ({ bid, start }: Award): number => limitAt(bid.wish, start);

/** Bids by the kinds of servers that they would take: those that share a kind are in one pool. */
export function* poolsOf(bids: readonly RoundBid[]): Steps<Pool[]> {
	const parents = new Map<ServerKind, ServerKind>();
	const rootOf = (kind: ServerKind): ServerKind => {
		let root = kind;
		for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root)) root = up;
		parents.set(kind, root);
		return root;
	};
	// Many bids share a list of kinds.
	for (const kinds of new Set(bids.map(each => each.kinds))) {
		const [first] = kinds;
		if (!first) continue;
		for (const kind of kinds) parents.set(rootOf(kind), rootOf(first));
		yield;
	}
	const pools = new Map<ServerKind, { bids: RoundBid[]; kinds: Set<ServerKind> }>();
	let steps = 0;
	for (const bid of bids) {
		if (steps++ % ofStep === 0) yield;
		const [first] = bid.kinds;
		if (!first) continue;
		const root = rootOf(first);
		const pool = pools.get(root) ?? { bids: [], kinds: new Set() };
		pool.bids.push(bid);
		for (const kind of bid.kinds) pool.kinds.add(kind);
		pools.set(root, pool);
	}
	const made: Pool[] = [];
	for (const { bids: own, kinds } of pools.values()) {
		const lanes = new Map<ServerKind, readonly Slot[]>();
		for (const kind of kinds) {
			lanes.set(
				kind,
				kind.lane.blocks.flatMap(({ slots }) => slots),
			);
			yield;
		}
		made.push({ bids: own, lanes });
	}
	return made;
}

/** Calls `visit` for each stretch of a slot that is offered and not leased, within an interval, in order. */
export function eachFreeOf(
	{ offer, leased }: Slot,
	within: Interval,
	visit: (start: number, end: number) => void,
): void {
	for (const interval of offer.document.intervals) {
		const start = Math.max(interval.start, within.start);
		const end = Math.min(interval.end, within.end);
		if (start >= end) continue;
		leased.eachFree({ start, end }, (from, to) => {
			visit(from, to);
			return true;
		});
	}
}

/** The same stretches, as a list. */
export function freeOf(slot: Slot, within: Interval): Interval[] {
	const found: Interval[] = [];
	eachFreeOf(slot, within, (start, end) => found.push({ start, end }));
	return found;
}
