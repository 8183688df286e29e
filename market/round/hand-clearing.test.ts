import test from 'ava';
import fc from 'fast-check';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { now } from '../market.fixture.ts';
import { curveBound } from './bound.ts';
import { awardGreedily } from './greedy.ts';
import { createHandClearing } from './hand-clearing.ts';
import { type Award, type Pool, poolsOf } from './pool.ts';
import { indexOf } from './round.fixture.ts';
import { bidsOfRound } from './round-bids.ts';

const there = createHandClearing(0);
test.after.always(() => there.close());

const hour = 3600;
const models = ['a', 'b'];
const server = fc.record({
	model: fc.constantFrom(...models),
	price: fc.integer({ min: 1, max: 9 }),
	start: fc.nat(20).map(each => each * hour),
	end: fc.integer({ min: 21, max: 60 }).map(each => each * hour),
});
const wanted = fc.record({
	servers: fc.oneof(
		fc.constantFrom(...models).map(value => ({ where: [{ property: 'model', op: '==' as const, value }] })),
		fc.constantFrom('any').map(() => ({ where: [] })),
		fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 4 }).map(all => ({ names: all.map(n => `s${n}`) })),
	),
	quantity: fc.integer({ min: 1, max: 3 }),
	allOrNothing: fc.boolean(),
	earliest: fc.nat(40).map(each => now + each * hour),
	length: fc.integer({ min: 1, max: 12 * hour }),
	highest: fc.integer({ min: 1, max: 12 }).map(String),
	window: fc.constantFrom(0, 5 * hour),
});
const lease = fc.record({
	server: fc.nat(11),
	start: fc.nat(50 * hour),
	length: fc.integer({ min: 1, max: 9 * hour }),
});

const poolsIn = async (index: MarketIndex): Promise<Pool[]> =>
	poolsOf(await bidsOfRound(createMemoryStore(), index, now));
const told = (awards: readonly Award[]) =>
	awards.map(({ bid, start, slots }) => [
		bid.id,
		start,
		slots.map(({ server: { name }, offer }) => [name, offer.id]),
	]);

test('a pool that was cleared elsewhere is awarded as it would be here', async t => {
	let awarded = 0;
	await fc.assert(
		fc.asyncProperty(
			fc.array(server, { minLength: 12, maxLength: 12 }),
			fc.array(wanted, { minLength: 1, maxLength: 25 }),
			fc.array(lease, { maxLength: 30 }),
			async (servers, asked, leased) => {
				const bids = asked.map(({ window, ...bid }) => ({ ...bid, latest: bid.earliest + window }));
				const index = indexOf(servers, bids);
				for (const { server: n, start, length } of leased) {
					const span = { server: `s${n}`, start: now + start, end: now + start + length, by: 'l' };
					if (index.server(span.server)?.leased.isFree(span.start, span.end))
						index.setSpan(span.server, span.end, span);
				}
				for (const pool of await poolsIn(index)) {
					const here = awardGreedily(pool);
					const { awards, bound } = await there.clear(pool);
					t.deepEqual(told(awards), told(here));
					t.is(bound, curveBound(pool));
					for (const { bid, slots } of awards) {
						t.true(pool.bids.includes(bid));
						for (const slot of slots) t.is(slot.server.slots.get(slot.offer), slot);
					}
					awarded += awards.length;
				}
			},
		),
		{ numRuns: 60 },
	);
	t.true(awarded > 100, `${awarded} awards are too few to show anything`);
});

test('others have their turn while a large pool is cleared', async t => {
	const size = 20_000;
	const index = indexOf(
		Array.from({ length: size }, (_, n) => ({
			model: 'a',
			price: 1 + (n % 50),
			start: 0,
			end: 90 * 24 * hour,
		})),
		Array.from({ length: size }, (_, n) => ({
			quantity: 1,
			earliest: now + (n % 2000) * hour,
			latest: now + (n % 2000) * hour,
			length: hour,
			highest: '60',
		})),
	);
	const [pool] = await poolsIn(index);
	if (!pool) return t.fail();
	let turns = 0;
	let isOver = false;
	const count = (): void => {
		turns++;
		if (!isOver) setImmediate(count);
	};
	count();
	const { awards } = await there.clear(pool);
	isOver = true;
	t.true(awards.length > 0.9 * size, `${awards.length}`);
	// Between any two parts of it, at least.
	t.true(turns > size / 1000, `${turns}`);
});

test('when the process that clears has died, that is said, and the next pool has another one', async t => {
	const hand = createHandClearing(0);
	t.teardown(() => hand.close());
	const [pool] = await poolsIn(
		indexOf([{ model: 'a', price: 1, start: 0, end: 9 * hour }], [{ quantity: 1, length: 10 }]),
	);
	if (!pool) return t.fail();
	const clearing = hand.clear(pool);
	// It has been started by then, and has not answered: that takes it some tenths of a second.
	await new Promise(resolve => setImmediate(resolve));
	await hand.close();
	await t.throwsAsync(clearing, { message: /has ended/ });
	t.is((await hand.clear(pool)).awards.length, 1);
});
