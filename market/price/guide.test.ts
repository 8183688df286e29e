import test from 'ava';
import fc from 'fast-check';
import { guidesOf } from './guide.ts';
import type { Traded } from './history.ts';

const day = 86_400;
const traded = (at: number, seconds: number, price: number, model = 'R640'): Traded => ({
	day: at * day,
	properties: { model },
	servers: 1,
	seconds: String(seconds),
	cost: String(BigInt(seconds) * BigInt(price)),
	least: String(price),
	most: String(price),
	last: String(price),
});

test('a guide price is the mean by seconds of the last seven days with leases, and the day itself does not count', t => {
	const trades = [traded(100, 10, 90), ...[1, 2, 3, 4, 5, 6, 7].map(n => traded(100 + 2 * n, n, 10 * n))];
	const on = (at: number) => guidesOf(trades, { from: at * day + 5, to: at * day + 5 });
	t.deepEqual(on(100), []);
	t.like(on(101), [{ day: 101 * day, price: '90', days: 1, seconds: '10' }]);
	// 90 for ten seconds, 10 for one.
	t.like(on(103), [{ price: '82', days: 2, seconds: '11' }]);
	t.like(on(114), [{ price: '58', days: 7 }], '(900 + 910) / 31 of days 100 to 112, and not 114');
	t.like(on(115), [{ price: '50', days: 7, seconds: '28' }], '10 × (1 + 4 + … + 49) / 28');
	t.like(on(114 + 90), [{ days: 1, price: '70' }], 'one is left of 90 days');
	t.deepEqual(on(114 + 91), []);
});

test('each kind has its own, between its least and its highest price; a day’s never changes by what comes later', t => {
	const some = fc.array(
		fc.record({
			at: fc.integer({ min: 1, max: 40 }),
			seconds: fc.integer({ min: 1, max: 10 ** 9 }),
			price: fc.integer({ min: 1, max: 10 ** 10 }),
			model: fc.constantFrom('R640', 'R740'),
		}),
		{ minLength: 1, maxLength: 30 },
	);
	fc.assert(
		fc.property(some, fc.integer({ min: 1, max: 45 }), (all, at) => {
			const trades = all
				.sort((a, b) => a.at - b.at)
				.map(each => traded(each.at, each.seconds, each.price, each.model));
			const within = { from: at * day, to: at * day };
			const guides = guidesOf(trades, within);
			t.deepEqual(
				guidesOf(
					trades.filter(each => each.day < at * day),
					within,
				),
				guides,
			);
			for (const { properties, price } of guides) {
				const prices = trades
					.filter(each => each.properties.model === properties.model)
					.map(({ last }) => Number(last));
				t.true(Number(price) >= Math.min(...prices) && Number(price) <= Math.max(...prices));
			}
			const before = all.filter(each => each.at < at).map(({ model }) => model);
			t.is(guides.length, new Set(before).size);
		}),
		{ numRuns: 200 },
	);
});
