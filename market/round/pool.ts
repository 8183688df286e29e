import type { Interval } from '../calendar/interval.ts';
import { limitAt } from '../clearing/schedule.ts';
import { isOpenTo, type Wish } from '../clearing/walk.ts';
import type { ServerKind, Slot } from '../index/entry.ts';

/** A bid of a round. */
export interface RoundBid {
	readonly id: string;
	readonly wish: Wish;
	/** The seconds at which it can begin, both included. */
	readonly first: number;
	readonly last: number;
	readonly kinds: readonly ServerKind[];
	/** Whether it may have a server of one of those kinds. */
	accepts(slot: Slot): boolean;
}

/** Which servers of the right kinds a bid may have. */
export function acceptorOf(wish: Wish): RoundBid['accepts'] {
	const named = 'names' in wish.servers ? new Set(wish.servers.names) : undefined;
	return ({ offer, server }) => isOpenTo(offer, wish) && (named?.has(server.name) ?? true);
}

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
export function poolsOf(bids: readonly RoundBid[]): Pool[] {
	const parents = new Map<ServerKind, ServerKind>();
	const rootOf = (kind: ServerKind): ServerKind => {
		let root = kind;
		for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root)) root = up;
		parents.set(kind, root);
		return root;
	};
	for (const { kinds } of bids) {
		const [first] = kinds;
		if (!first) continue;
		for (const kind of kinds) parents.set(rootOf(kind), rootOf(first));
	}
	const pools = new Map<ServerKind, { bids: RoundBid[]; kinds: Set<ServerKind> }>();
	for (const bid of bids) {
		const [first] = bid.kinds;
		if (!first) continue;
		const root = rootOf(first);
		const pool = pools.get(root) ?? { bids: [], kinds: new Set() };
		pool.bids.push(bid);
		for (const kind of bid.kinds) pool.kinds.add(kind);
		pools.set(root, pool);
	}
	return [...pools.values()].map(({ bids: own, kinds }) => ({
		bids: own,
		lanes: new Map([...kinds].map(kind => [kind, kind.lane.blocks.flatMap(({ slots }) => slots)])),
	}));
}

/** Stretches of a slot that are offered and not leased, within an interval. */
export function freeOf({ offer, leased }: Slot, within: Interval): Interval[] {
	const found: Interval[] = [];
	for (const interval of offer.document.intervals) {
		const part = {
			start: Math.max(interval.start, within.start),
			end: Math.min(interval.end, within.end),
		};
		if (part.start >= part.end) continue;
		leased.eachFree(part, (start, end) => found.push({ start, end }) > 0);
	}
	return found;
}
