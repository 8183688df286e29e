import test from 'ava';
import fc from 'fast-check';
import { interval, intervalText, merged, overlapping } from './interval.ts';
import { type Weekly, weekdays, weeklyIntervals } from './weekly.ts';

const berlin = { type: 'weekly', zone: 'Europe/Berlin', days: [...weekdays] } as const;
const shown = (of: Partial<Weekly> & Pick<Weekly, 'from' | 'until' | 'first' | 'last'>) =>
	weeklyIntervals({ ...berlin, days: [...weekdays], ...of }).map(intervalText);

test('hours of a week are by the clock on the wall: an hour earlier in summer', t => {
	t.deepEqual(
		shown({ days: ['mon'], from: '18:00', until: '08:00', first: '2026-03-20', last: '2026-04-01' }),
		['2026-03-23T17:00:00Z to 2026-03-24T07:00:00Z', '2026-03-30T16:00:00Z to 2026-03-31T06:00:00Z'],
	);
});

test('a night in which the clock is set ahead is an hour shorter, one in which it is set back an hour longer', t => {
	const night = { days: ['sat'], from: '22:00', until: '06:00' } satisfies Partial<Weekly>;
	t.deepEqual(shown({ ...night, first: '2026-03-28', last: '2026-03-28' }), [
		'2026-03-28T21:00:00Z to 2026-03-29T04:00:00Z',
	]);
	t.deepEqual(shown({ ...night, first: '2026-10-24', last: '2026-10-24' }), [
		'2026-10-24T20:00:00Z to 2026-10-25T05:00:00Z',
	]);
});

test('a time that is skipped is the moment of the change; one that comes twice is its first coming', t => {
	const spring = { first: '2026-03-29', last: '2026-03-29' };
	const change = '2026-03-29T01:00:00Z';
	t.deepEqual(shown({ ...spring, from: '02:30', until: '05:00' }), [`${change} to 2026-03-29T03:00:00Z`]);
	t.deepEqual(shown({ ...spring, from: '02:30', until: '03:10' }), [`${change} to 2026-03-29T01:10:00Z`]);
	t.deepEqual(shown({ ...spring, from: '01:00', until: '02:30' }), [`2026-03-29T00:00:00Z to ${change}`]);
	t.throws(() => shown({ ...spring, from: '02:10', until: '02:50' }), { code: 'TimesRefused' });
	const autumn = { first: '2026-10-25', last: '2026-10-25' };
	t.deepEqual(shown({ ...autumn, from: '02:30', until: '03:00' }), [
		'2026-10-25T00:30:00Z to 2026-10-25T02:00:00Z',
	]);
});

test('times that mean nothing are refused', t => {
	const fine = { from: '08:00', until: '18:00', first: '2026-03-01', last: '2026-03-31' };
	t.true(shown(fine).length === 31);
	for (const wrong of [
		{ zone: 'Europe/Atlantis' },
		{ zone: '' },
		{ first: '2026-04-01' },
		{ last: '2029-01-01' },
		{ first: '2026-02-30' },
		{ days: ['sun'] as Weekly['days'], first: '2026-03-02', last: '2026-03-07' },
	]) {
		t.throws(() => shown({ ...fine, ...wrong }), { code: 'TimesRefused' }, JSON.stringify(wrong));
	}
	for (const wrong of [
		{ start: 5, end: 5 },
		{ start: 6, end: 5 },
		{ start: -1, end: 5 },
		{ start: 0.5, end: 5 },
		{ start: 0, end: 1e12 },
	]) {
		t.false(interval.safeParse(wrong).success);
	}
});

test('in any zone, hours that adjoin on the wall adjoin in fact, and none overlap', t => {
	const zones = [
		'Europe/Berlin',
		'America/New_York',
		'Australia/Lord_Howe',
		'Africa/Casablanca',
		'Asia/Kathmandu',
	];
	const time = fc
		.tuple(fc.nat(23), fc.nat(59))
		.map(([h, m]) => [h, m].map(n => String(n).padStart(2, '0')).join(':'));
	fc.assert(
		fc.property(
			fc.constantFrom(...zones),
			time,
			time,
			fc.integer({ min: 2026, max: 2035 }),
			(zone, a, b, year) => {
				const days: Omit<Weekly, 'from' | 'until'> = {
					type: 'weekly',
					zone,
					days: [...weekdays],
					first: `${year}-01-01`,
					last: `${year}-12-31`,
				};
				const there = weeklyIntervals({ ...days, from: a, until: b });
				const back = a === b ? [] : weeklyIntervals({ ...days, from: b, until: a });
				t.is(overlapping([...there, ...back].filter(each => each.start > 0)), undefined);
				// Day and night together leave nothing out between the first and the last.
				const whole = merged([...there, ...back]);
				t.true(whole.length === 1, `${zone} ${a} ${b} ${year}`);
				for (const each of there) t.true(interval.safeParse(each).success);
			},
		),
		{ numRuns: 40 },
	);
});
