import test from 'ava';
import fc from 'fast-check';
import { now } from '../market.fixture.ts';
import { indexOf } from '../round/round.fixture.ts';
import { occupancyOf } from './occupancy.ts';

const servers = 4;
const lease = fc.record({
	server: fc.nat(servers - 1),
	/** Out of a lease of somebody's, or out of the server's own time. */
	under: fc.constantFrom('', '@l1', '@l2'),
	start: fc.nat(90),
	length: fc.integer({ min: 1, max: 40 }),
});
const offered = fc.record({ start: fc.nat(60), length: fc.integer({ min: 1, max: 60 }) });

test('each second of a place that is leased or on offer counts once, also when its offer was withdrawn', t => {
	let leasedOutside = 0;
	fc.assert(
		fc.property(
			fc.array(offered, { minLength: servers, maxLength: servers }),
			fc.array(lease, { maxLength: 25 }),
			fc.array(fc.nat(servers - 1), { maxLength: 3 }),
			fc.record({
				from: fc.nat(60),
				step: fc.integer({ min: 1, max: 50 }),
				parts: fc.integer({ min: 1, max: 4 }),
			}),
			(offers, leases, withdrawn, { from, step, parts }) => {
				const index = indexOf(
					offers.map(({ start, length }) => ({ model: 'a', price: 1, start, end: start + length })),
					[],
				);
				/** Of each place, the seconds that are leased, and on offer. */
				const isLeased = new Set<string>();
				const isOffered = new Set<string>();
				for (const [n, { start, length }] of offers.entries()) {
					if (withdrawn.includes(n)) continue;
					for (let at = start; at < start + length; at++) isOffered.add(`s${n} ${at}`);
				}
				for (const { server, under, start, length } of leases) {
					const place = `s${server}${under}`;
					const seconds = Array.from({ length }, (_, n) => `${place} ${start + n}`);
					if (seconds.some(each => isLeased.has(each))) continue;
					const [begin, end] = [now + start, now + start + length];
					index.setSpan(place, end, { server: place, start: begin, end, by: 'l' });
					for (const each of seconds) isLeased.add(each);
				}
				for (const n of withdrawn) index.setOffer(`o${n}`, undefined);
				const count = (seconds: Iterable<string>, part: number): number =>
					[...seconds].filter(each => {
						const at = Number(each.split(' ')[1]) - from;
						return part * step <= at && at < (part + 1) * step;
					}).length;
				t.deepEqual(
					occupancyOf(index, { from: now + from, step, parts }),
					Array.from({ length: parts }, (_, n) => ({
						start: now + from + n * step,
						end: now + from + (n + 1) * step,
						offered: count(new Set([...isOffered, ...isLeased]), n),
						leased: count(isLeased, n),
					})),
				);
				for (const each of isLeased) if (!isOffered.has(each)) leasedOutside++;
			},
		),
		{ numRuns: 300 },
	);
	t.true(leasedOutside > 1000, `${leasedOutside} seconds show nothing`);
});
