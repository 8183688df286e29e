import test from 'ava';
import fc from 'fast-check';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { BidTerms } from '../clearing/bid.ts';
import { limitAt } from '../clearing/schedule.ts';
import type { Slot } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { now } from '../market.fixture.ts';
import { type Cleared, clearPool } from './clear.ts';
import { type Award, accepts, freeOf, gainOf, limitOf, type Pool, poolsOf } from './pool.ts';
import { indexOf } from './round.fixture.ts';
import { bidsOfRound } from './round-bids.ts';
import { createSolver, type Solver } from './solver.ts';
import { atOnce } from './turns.ts';

const solver = createSolver();
test.after.always(() => solver.close());
/** A machine may be slow: what is tested is what comes out, not when. */
const patience = 100_000;

const noSolver: Solver = {
	solve: async () => ({ status: 'none', why: 'there is none' }),
	close: async () => undefined,
};

const poolsIn = async (index: MarketIndex): Promise<Pool[]> =>
	atOnce(poolsOf(await bidsOfRound(createMemoryStore(), index, { now })));

const bid = (project: string, wanted: Partial<BidTerms>): Partial<BidTerms> => ({
	project,
	quantity: 1,
	length: 10,
	earliest: now,
	latest: now,
	...wanted,
});
const one = { model: 'a', price: 2, start: 0, end: 10 };
const told = ({ awards, price, by }: Cleared) => ({
	price,
	by,
	won: awards.map(({ bid: { id } }) => id).sort(),
});

test('the price is half-way between the dearest ask that is taken and the lowest limit that is met', async t => {
	const bids = [bid('blue', { highest: '9' }), bid('green', { highest: '6' }), bid('cyan', { highest: '1' })];
	const [pool] = await poolsIn(indexOf([one, { ...one, price: 4 }, { ...one, price: 50 }], bids));
	if (!pool) return t.fail();
	const cleared = await clearPool(pool, { solver, patience });
	t.deepEqual(told(cleared), { price: 5, by: 'exact', won: ['b000000', 'b000001'] });
	t.is(cleared.gains, BigInt((9 - 2 + 6 - 4) * 10));
});

test('all or nothing: a dearer bid gives way when two others have more of it together', async t => {
	const servers = [one, one, one];
	const bids = [
		bid('blue', { highest: '9', quantity: 2 }),
		bid('green', { highest: '8', quantity: 3 }),
		bid('cyan', { highest: '3', quantity: 1 }),
	];
	const [pool] = await poolsIn(indexOf(servers, bids));
	if (!pool) return t.fail();
	// 2 × 7 + 1 against 3 × 6.
	t.deepEqual(told(await clearPool(pool, { solver, patience })).won, ['b000001']);
	t.deepEqual(told(await clearPool(pool, { solver: noSolver, patience })), {
		price: 2,
		by: 'greedy',
		won: ['b000000', 'b000002'],
	});
});

test('a hundred bids for all or nothing are cleared exactly; of a thousand the bound is a program’s', async t => {
	const asks = [2, 3, 5, 7, 11];
	const pool = async (count: number, servers: number) => {
		const offered = Array.from({ length: servers }, (_, n) => ({
			...{ model: 'a', price: asks[n % asks.length] ?? 2, start: 0, end: 400 },
		}));
		const bids = Array.from({ length: count }, (_, n) => {
			const earliest = now + 20 * (n % 7);
			const wanted = {
				earliest,
				latest: earliest,
				quantity: 1 + ((n * 7) % 12),
				length: 10 + ((n * 13) % 60),
			};
			return bid(`p${n % 9}`, { ...wanted, allOrNothing: true, highest: String(3 + ((n * 11) % 40)) });
		});
		const [found] = await poolsIn(indexOf(offered, bids));
		if (!found) throw new Error('there is no pool');
		return found;
	};
	const hundred = await pool(100, 150);
	const exact = await clearPool(hundred, { solver, patience });
	const byHand = await clearPool(hundred, { solver: noSolver, patience });
	t.is(exact.by, 'exact');
	check(exact);
	t.true(exact.gains >= byHand.gains && exact.bound <= byHand.bound);
	t.true(Number(exact.gains) > 0.98 * exact.bound, `${exact.gains} of ${exact.bound}`);
	const thousand = await pool(1000, 400);
	const [relaxed, curves] = [
		await clearPool(thousand, { solver, patience }),
		await clearPool(thousand, { solver: noSolver, patience }),
	];
	check(relaxed);
	t.true(relaxed.bound < curves.bound, `${relaxed.bound} ${curves.bound}`);
});

test('kinds that no bid would have beside each other have prices of their own', async t => {
	const servers = [one, { ...one, model: 'b', price: 20 }, { ...one, model: 'c' }];
	const only = (model: string) => ({ where: [{ property: 'model', op: '==' as const, value: model }] });
	const either = { where: [{ property: 'model', op: 'in' as const, value: ['a', 'c'] }] };
	const bids = [
		bid('blue', { highest: '4', servers: only('a') }),
		bid('green', { highest: '30', servers: only('b') }),
		bid('cyan', { highest: '4', servers: either }),
	];
	const pools = await poolsIn(indexOf(servers, bids));
	const cleared = await Promise.all(pools.map(pool => clearPool(pool, { solver, patience })));
	t.deepEqual(
		cleared.map(({ price }) => price).sort((a = 0, b = 0) => a - b),
		[3, 25],
	);
});

/** Whatever was awarded: nothing twice, nothing past what is offered, nobody above a limit or below an ask. */
function check({ awards, price, gains, bound }: Cleared): void {
	const taken = new Map<string, Set<number>>();
	const must = (holds: boolean, what: string): void => {
		if (!holds) throw new Error(what);
	};
	const bids = new Set<string>();
	for (const award of awards) {
		const { bid: winner, start, slots } = award;
		const { wish, first, last, id } = winner;
		must(!bids.has(id), 'a bid is awarded twice');
		bids.add(id);
		must(first <= start && start <= last, 'it begins outside of its window');
		must(slots.length > 0 && slots.length <= wish.quantity, 'too many or none');
		must(!wish.allOrNothing || slots.length === wish.quantity, 'not all');
		must(price !== undefined && price <= limitOf(award), 'above the limit');
		for (const slot of slots) {
			must(price !== undefined && slot.offer.price <= price, 'below the ask');
			must(
				accepts(winner, slot) && winner.kinds.includes(slot.server.kind as never),
				'not what it asked for',
			);
			const within = { start, end: start + wish.length };
			const [free] = freeOf(slot, within);
			must(free?.start === within.start && free.end === within.end, 'not offered then');
			const seconds = taken.get(slot.server.name) ?? new Set();
			for (let at = within.start; at < within.end; at++) {
				must(!seconds.has(at), 'leased twice');
				seconds.add(at);
			}
			taken.set(slot.server.name, seconds);
		}
	}
	must(
		gains === awards.reduce((sum, award) => sum + gainOf(award), 0n),
		'the gains are not those of the awards',
	);
	must(Number(gains) <= bound + 1e-6 * Math.max(1, bound), `gains ${gains} beyond the bound ${bound}`);
}

/** The largest gains at one price, by trying everything. */
function exhaustive({ bids, lanes }: Pool): bigint {
	const slots = [...lanes.values()].flat();
	let best = 0n;
	for (const price of new Set(slots.map(({ offer }) => offer.price))) {
		const right = slots.filter(({ offer }) => offer.price <= price);
		const busy = new Map<Slot, { start: number; end: number }[]>();
		const go = (n: number, sum: bigint): void => {
			if (sum > best) best = sum;
			const next = bids[n];
			if (!next) return;
			go(n + 1, sum);
			if (next.wish.highest < price) return;
			const { length, quantity, allOrNothing } = next.wish;
			for (let start = next.first; start <= next.last; start++) {
				if (limitAt(next.wish, start) < price) continue;
				const end = start + length;
				const there = right.filter(
					slot =>
						accepts(next, slot) &&
						next.kinds.includes(slot.server.kind as never) &&
						freeOf(slot, { start, end })[0]?.start === start &&
						freeOf(slot, { start, end })[0]?.end === end &&
						(busy.get(slot) ?? []).every(each => each.end <= start || end <= each.start),
				);
				for (const chosen of subsets(there, allOrNothing ? quantity : 1, quantity)) {
					for (const slot of chosen) busy.set(slot, [...(busy.get(slot) ?? []), { start, end }]);
					go(n + 1, sum + gainOf({ bid: next, start, slots: chosen } satisfies Award));
					for (const slot of chosen) busy.get(slot)?.pop();
				}
			}
		};
		go(0, 0n);
	}
	return best;
}

function* subsets(
	of: readonly Slot[],
	least: number,
	most: number,
	from = 0,
	chosen: Slot[] = [],
): Iterable<Slot[]> {
	if (chosen.length >= least && chosen.length > 0) yield [...chosen];
	if (chosen.length === most) return;
	for (let n = from; n < of.length; n++) yield* subsets(of, least, most, n + 1, [...chosen, of[n] as Slot]);
}

const someServers = fc.array(
	fc.record({
		model: fc.constantFrom('a', 'b'),
		price: fc.integer({ min: 1, max: 5 }),
		start: fc.nat(2),
		end: fc.integer({ min: 4, max: 9 }),
	}),
	{ minLength: 1, maxLength: 4 },
);
const someBids = fc.array(
	fc.record({
		project: fc.constantFrom('blue', 'green'),
		quantity: fc.integer({ min: 1, max: 3 }),
		length: fc.integer({ min: 1, max: 5 }),
		from: fc.nat(4),
		window: fc.constantFrom(0, 0, 3),
		highest: fc.integer({ min: 1, max: 7 }).map(String),
		allOrNothing: fc.boolean(),
		model: fc.constantFrom('a', 'b', undefined),
		lower: fc.constantFrom(undefined, undefined, [0, 2], [2, 9]),
	}),
	{ minLength: 1, maxLength: 4 },
);
/** It pays half as much when it begins from one second of the tests on until another; they begin on a Monday. */
const lowerBetween = ([from = 0, until = 0]: readonly number[], highest: string): BidTerms['schedule'] => [
	{
		zone: 'UTC',
		days: ['mon'],
		from: `13:46:${40 + from}`,
		until: `13:46:${40 + until}`,
		highest: String(Math.ceil(Number(highest) / 2)),
	},
];
const termsOf = ({
	from,
	window,
	model,
	lower,
	...wanted
}: typeof someBids extends fc.Arbitrary<(infer B)[]> ? B : never) =>
	bid(wanted.project, {
		...wanted,
		earliest: now + from,
		latest: now + from + window,
		...(lower && { schedule: lowerBetween(lower, wanted.highest) }),
		servers: { where: model === undefined ? [] : [{ property: 'model', op: '==', value: model }] },
	});

test('no bid loses for which there is a way with higher gains at one price, in all small cases tried', async t => {
	let exact = 0;
	await fc.assert(
		fc.asyncProperty(someServers, someBids, async (servers, bids) => {
			for (const pool of await poolsIn(indexOf(servers, bids.map(termsOf)))) {
				const cleared = await clearPool(pool, { solver, patience });
				check(cleared);
				t.is(cleared.by, 'exact');
				t.is(cleared.gains, exhaustive(pool));
				exact++;
			}
		}),
		{ numRuns: 60 },
	);
	t.true(exact > 40);
});

test('by hand as well, nothing is leased twice and nobody pays too much; and the same bids are always met', async t => {
	const many = fc.array(someBids, { minLength: 2, maxLength: 6 }).map(all => all.flat());
	const more = fc.array(someServers, { minLength: 2, maxLength: 5 }).map(all => all.flat());
	let won = 0;
	await fc.assert(
		fc.asyncProperty(more, many, async (servers, bids) => {
			const clear = async () => {
				const pools = await poolsIn(indexOf(servers, bids.map(termsOf)));
				return Promise.all(pools.map(pool => clearPool(pool, { solver: noSolver, patience })));
			};
			const cleared = await clear();
			for (const each of cleared) {
				check(each);
				won += each.awards.length;
			}
			const inWords = (all: Cleared[]) =>
				all.map(({ price, awards }) => [
					price,
					awards.map(({ bid: { id }, start, slots }) => [id, start, slots.map(({ server }) => server.name)]),
				]);
			t.deepEqual(inWords(await clear()), inWords(cleared));
		}),
		{ numRuns: 200 },
	);
	t.true(won > 300, `${won}`);
});
