import type { Interval } from '../calendar/interval.ts';
import type { Offer } from '../calendar/offer.ts';
import type { Wish } from '../clearing/walk.ts';
import type { IndexedOffer, ServerKind, Slot } from '../index/entry.ts';
import { Lane } from '../index/lane.ts';
import { LeasedTimes } from '../index/leased-times.ts';
import { type Award, acceptorOf, type Pool, type RoundBid } from './pool.ts';

/**
 * A pool in parts that can be sent to another process, each small enough that to write it takes some milliseconds: what they refer
 * to (kinds, offers, slots, bids) is numbered in the order in which it comes.
 */
export type PoolPart =
	| { readonly type: 'kinds'; readonly count: number }
	| { readonly type: 'offers'; readonly offers: readonly PackedOffer[] }
	| {
			readonly type: 'slots';
			readonly kind: number;
			readonly offers: Uint32Array;
			readonly servers: readonly string[];
			/** How many leases each has, and when all of them begin and end. */
			readonly leases: Uint32Array;
			readonly times: Float64Array;
	  }
	| { readonly type: 'bids'; readonly bids: readonly PackedBid[] };

type PackedOffer = Pick<IndexedOffer, 'id' | 'price'> & {
	readonly terms: Pick<Offer, 'project' | 'to' | 'chain' | 'shortest' | 'longest' | 'intervals' | 'madeAt'>;
};
/** What its servers have to be like has been looked at: what is left are names. */
type PackedBid = Pick<RoundBid, 'id' | 'first' | 'last'> & {
	readonly wish: Pick<Wish, 'project' | 'quantity' | 'length' | 'highest' | 'allOrNothing' | 'steps'>;
	readonly names: readonly string[] | undefined;
	readonly kinds: readonly number[];
};

const partSize = 1000;

/** The pool may be changed while it is packed: each part is as things are when it is asked for. */
export function* packPool({ bids, lanes }: Pool): Iterable<PoolPart> {
	const kinds = new Map([...lanes.keys()].map((kind, n) => [kind, n]));
	const offers = new Map<IndexedOffer, number>();
	const within = { start: Number.MAX_SAFE_INTEGER, end: 0 };
	for (const { first, last, wish } of bids) {
		within.start = Math.min(within.start, first);
		within.end = Math.max(within.end, last + wish.length);
	}
	yield { type: 'kinds', count: kinds.size };
	for (const [kind, slots] of lanes) {
		for (let from = 0; from < slots.length; from += partSize) {
			const some = slots.slice(from, from + partSize);
			const fresh: PackedOffer[] = [];
			for (const { offer } of some) {
				if (offers.has(offer)) continue;
				offers.set(offer, offers.size);
				fresh.push(packOffer(offer));
			}
			if (fresh.length > 0) yield { type: 'offers', offers: fresh };
			yield packSlots(some, { kind: kinds.get(kind) ?? 0, offers, within });
		}
	}
	for (let from = 0; from < bids.length; from += partSize) {
		const some = bids.slice(from, from + partSize);
		yield {
			type: 'bids',
			bids: some.map(({ id, wish, first, last, kinds: own }) => {
				const { project, quantity, length, highest, allOrNothing, steps, servers } = wish;
				return {
					...{ id, first, last },
					wish: { project, quantity, length, highest, allOrNothing, steps },
					names: 'names' in servers ? servers.names : undefined,
					kinds: own.map(kind => kinds.get(kind) ?? 0),
				};
			}),
		};
	}
}

function packOffer({ id, price, document }: IndexedOffer): PackedOffer {
	const { project, to, chain, shortest, longest, intervals, madeAt } = document;
	return { id, price, terms: { project, to, chain, shortest, longest, intervals, madeAt } };
}

function packSlots(
	slots: readonly Slot[],
	of: {
		readonly kind: number;
		readonly offers: ReadonlyMap<IndexedOffer, number>;
		readonly within: Interval;
	},
): PoolPart {
	const times: number[] = [];
	const leases = slots.map(({ leased }) => {
		const before = times.length;
		leased.eachLeased(of.within, (start, end) => times.push(start, end));
		return (times.length - before) / 2;
	});
	return {
		type: 'slots',
		kind: of.kind,
		offers: Uint32Array.from(slots, ({ offer }) => of.offers.get(offer) ?? 0),
		servers: slots.map(({ server }) => server.name),
		leases: Uint32Array.from(leases),
		times: Float64Array.from(times),
	};
}

/** Puts a pool together again. */
export class PackedPool {
	readonly #kinds: ServerKind[] = [];
	readonly #offers: IndexedOffer[] = [];
	readonly #lanes = new Map<ServerKind, Slot[]>();
	readonly #bids: RoundBid[] = [];

	take(part: PoolPart): void {
		switch (part.type) {
			case 'kinds':
				for (let n = 0; n < part.count; n++) {
					// What they are like has been looked at.
					const kind = { properties: {}, attestations: [], lane: new Lane() };
					this.#kinds.push(kind);
					this.#lanes.set(kind, []);
				}
				return;
			case 'offers':
				for (const { id, price, terms } of part.offers)
					this.#offers.push({ id, price, document: terms as Offer, servers: [] });
				return;
			case 'slots':
				this.#takeSlots(part);
				return;
			case 'bids':
				for (const bid of part.bids) this.#bids.push(this.#unpackBid(bid));
				return;
			default:
				part satisfies never;
		}
	}

	pool(): Pool {
		return { bids: this.#bids, lanes: this.#lanes };
	}

	#unpackBid({ id, first, last, wish: packed, names, kinds }: PackedBid): RoundBid {
		const wish: Wish = {
			...packed,
			servers: names ? { names: [...names] } : { where: [] },
			attestations: [],
			earliest: first,
			latest: last,
			deadline: null,
			pieces: undefined,
		};
		return { id, wish, first, last, kinds: kinds.map(n => this.#kind(n)), accepts: acceptorOf(wish) };
	}

	#kind(n: number): ServerKind {
		const found = this.#kinds[n];
		if (!found) throw new RangeError(`there is no kind ${n}`);
		return found;
	}

	#takeSlots({ kind: number, offers, servers, leases, times }: Extract<PoolPart, { type: 'slots' }>): void {
		const kind = this.#kind(number);
		let at = 0;
		for (const [n, name] of servers.entries()) {
			const leased = new LeasedTimes();
			for (let left = leases[n] ?? 0; left > 0; left--, at += 2)
				leased.add({ start: times[at] ?? 0, end: times[at + 1] ?? 0, by: '' });
			const offer = this.#offers[offers[n] ?? -1];
			if (!offer) throw new RangeError(`there is no offer ${offers[n]}`);
			const server = { name, document: undefined, kind, leased, subleased: new Map(), slots: new Map() };
			this.#lanes.get(kind)?.push({ offer, server, leased, block: undefined });
		}
	}
}

/** Awards as numbers: of each the bid, its start, how many slots it has, and which. */
export function packAwards({ bids, lanes }: Pool, awards: readonly Award[]): Float64Array<ArrayBuffer> {
	const bidNumbers = new Map(bids.map((bid, n) => [bid, n]));
	const slotNumbers = new Map([...lanes.values()].flat().map((slot, n) => [slot, n]));
	const numbers: number[] = [];
	for (const { bid, start, slots } of awards) {
		numbers.push(bidNumbers.get(bid) ?? -1, start, slots.length);
		for (const slot of slots) numbers.push(slotNumbers.get(slot) ?? -1);
	}
	return Float64Array.from(numbers);
}

/** @throws RangeError when they are not of this pool */
export function unpackAwards({ bids, lanes }: Pool, numbers: Float64Array): Award[] {
	const all = [...lanes.values()].flat();
	const awards: Award[] = [];
	for (let at = 0; at < numbers.length; ) {
		const bid = bids[numbers[at++] ?? -1];
		const start = numbers[at++] ?? -1;
		const count = numbers[at++] ?? -1;
		const slots: Slot[] = [];
		for (let n = 0; n < count; n++) {
			const slot = all[numbers[at++] ?? -1];
			if (slot) slots.push(slot);
		}
		if (!bid || slots.length === 0 || slots.length !== count || start < bid.first || start > bid.last)
			throw new RangeError('awards of another pool');
		awards.push({ bid, start, slots });
	}
	return awards;
}
