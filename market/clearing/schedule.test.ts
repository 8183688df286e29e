import test from 'ava';
import fc from 'fast-check';
import { now, someMarket } from '../market.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { eachAffordable, limitAt, type ScheduleRule, stepsOf } from './schedule.ts';

// It is Monday, 13:46:40 in UTC.
const hours = (from: string, until: string, highest: string): ScheduleRule => ({
	zone: 'UTC',
	days: ['mon'],
	from,
	until,
	highest,
});

test('steps are the lowest price that holds, second by second', t => {
	const steps = stepsOf([{ after: now + 30, highest: '7' }, hours('13:46:50', '13:47:20', '5')], {
		earliest: now,
		latest: now + 100,
		highest: 10,
	});
	t.deepEqual(steps, [
		{ from: now, highest: 10 },
		{ from: now + 10, highest: 5 },
		{ from: now + 40, highest: 7 },
	]);
	// The next Monday, and hours that began before the window.
	const week = 7 * 86_400;
	const later = { earliest: now + week + 20, latest: now + week + 100, highest: 10 };
	t.deepEqual(stepsOf([hours('13:46:50', '13:47:20', '5')], later), [
		{ from: now + week + 20, highest: 5 },
		{ from: now + week + 40, highest: 10 },
	]);
});

test('the stretches of starts at which a price is paid are the seconds at which it is', t => {
	const some = fc.array(
		fc.record({ gap: fc.integer({ min: 1, max: 6 }), highest: fc.integer({ min: 1, max: 9 }) }),
	);
	fc.assert(
		fc.property(
			some,
			fc.integer({ min: 1, max: 10 }),
			fc.nat(20),
			fc.nat(20),
			(gaps, price, first, length) => {
				let from = 0;
				const steps = gaps.map(({ gap, highest }) => {
					from += gap;
					return { from, highest };
				});
				const wish = { highest: 9, steps };
				const found: number[] = [];
				let before = -2;
				eachAffordable(wish, price, { first, last: first + length }, (begin, end) => {
					t.true(begin > before + 1 && begin <= end, 'apart, and in order');
					before = end;
					for (let at = begin; at <= end; at++) found.push(at);
					return true;
				});
				const all = Array.from({ length: length + 1 }, (_, n) => first + n);
				t.deepEqual(
					found,
					all.filter(at => limitAt(wish, at) >= price),
				);
			},
		),
		{ numRuns: 500 },
	);
});

test('a bid pays no more than its schedule says, and is told when that is what it lost by', async t => {
	const { offer, bid, withdraw } = await someMarket();
	const dear = await offer({ price: '10', servers: { names: ['r1', 'r2'] } });
	const schedule: ScheduleRule[] = [hours('13:46:40', '13:47:20', '6'), { after: now + 60, highest: '3' }];
	// From 40 to 59 it pays ten.
	const first = await bid('k1', { schedule, quantity: 1 });
	t.is(first.outcome === 'leased' && first.lease.start, now + 40);
	const why = { outcome: 'lost', most: 0, obstacles: { 'not free': 1, price: 1 }, cheapest: '10' } as const;
	t.deepEqual(await bid('k2', { schedule, quantity: 1, latest: now + 39 }), why);
	await withdraw(dear);
	await offer({ price: '6', servers: { names: ['r3'] } });
	const second = await bid('k2', { schedule, quantity: 1, latest: now + 39 });
	t.is(second.outcome === 'leased' && second.lease.start, now);
	t.deepEqual(await bid('k2', { schedule, quantity: 1, latest: now + 39 }), second, 'the same again');
});

test('a schedule that cannot be is refused, with what to change', async t => {
	const { bid } = await someMarket();
	const code = (schedule: ScheduleRule[], latest = now + 1000) => codeOf(bid('k', { schedule, latest }));
	t.is(await code([{ after: now, highest: '11' }]), 'BidRefused');
	t.is(await code([hours('00:00', '01:00', '9')], now + 400 * 86_400), 'BidRefused');
	const daily = Array.from({ length: 12 }, (_, n) => hours(`0${n % 10}:00`, `0${n % 10}:30`, '9'));
	t.is(await code(daily, now + 364 * 86_400), 'BidRefused');
	t.is(
		await code([{ ...hours('00:00', '01:00', '9'), zone: 'Mars/Olympus' } as ScheduleRule]),
		'TimesRefused',
	);
	t.is(await code([{ after: now + 5, highest: '9' }]), undefined);
});
