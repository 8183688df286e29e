import test from 'ava';
import fc from 'fast-check';
import { compileLocalTime } from './local-time.ts';
import { isWithin, temporalOf } from './temporal.ts';

test('days, times of day and moments are told apart, and nothing else is one', t => {
	t.is(temporalOf('2026-02-28')?.kind, 'date');
	t.deepEqual(temporalOf('22:05'), { kind: 'clock', value: 1325 });
	t.is(temporalOf('2026-12-24T22:05:00Z')?.value, Date.UTC(2026, 11, 24, 22, 5));
	t.is(temporalOf('2026-12-24T22:05:00.5+01:00')?.value, Date.UTC(2026, 11, 24, 21, 5, 0, 500));
	for (const text of [
		'',
		'24:00',
		'7:30',
		'22:60',
		'2026-02-30',
		'2026-13-01',
		'2026-1-1',
		'20260101',
		'2026-12-24T22:05:00',
		'2026-02-30T00:00:00Z',
		'2026-12-24T25:05:00Z',
		'2026-12-24T22:05:00+99:99',
		'now',
		' 22:05',
		`2026-12-24T22:05:00.${'0'.repeat(100_000)}Z`,
	]) {
		t.is(temporalOf(text), undefined, text.slice(0, 40));
	}
});

const berlin = (moment: string) => compileLocalTime('Europe/Berlin', 0)(Date.parse(moment));

test('summer time: the clocks of the zone count', t => {
	t.like(berlin('2026-03-29T00:59:59Z'), { clock: '01:59', hour: 1, date: '2026-03-29', weekday: 'Sun' });
	t.like(berlin('2026-03-29T01:00:00Z'), { clock: '03:00', hour: 3 });
	t.like(berlin('2026-10-25T00:30:00Z'), { clock: '02:30' });
	t.like(berlin('2026-10-25T01:30:00Z'), { clock: '02:30' });
	t.like(berlin('2026-12-31T23:00:00Z'), { clock: '00:00', date: '2027-01-01', weekday: 'Fri' });
	t.is(compileLocalTime('Asia/Kolkata', 0)(0).clock, '05:30');
});

test('the clocks show what the platform makes of the same moment by another way', t => {
	const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Pacific/Apia', 'Asia/Kathmandu'];
	fc.assert(
		fc.property(
			fc.constantFrom(...zones),
			fc.integer({ min: 0, max: Date.parse('2100-01-01T00:00:00Z') }),
			(zone, moment) => {
				const { clock, date, hour } = compileLocalTime(zone, 0)(moment);
				const other = new Date(moment).toLocaleString('sv-SE', { timeZone: zone });
				return other.startsWith(`${date} ${clock}`) && Number(clock.slice(0, 2)) === hour;
			},
		),
		{ numRuns: 300 },
	);
	t.pass();
});

test('property: a window past midnight is what the one between its ends is not', t => {
	const minute = fc.integer({ min: 0, max: 1439 });
	fc.assert(
		fc.property(minute, minute, minute, (at, from, to) => {
			fc.pre(from !== to);
			return isWithin(at, from, to, 'clock') !== isWithin(at, to, from, 'clock');
		}),
	);
	t.true(isWithin(5, 1, 5, 'number') && isWithin(5, 1, 5, 'date'));
	t.false(isWithin(5, 1, 5, 'moment') || isWithin(5, 1, 5, 'clock'));
});
