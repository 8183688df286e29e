import test from 'ava';
import fc from 'fast-check';
import { walkSlots } from '../clearing/walk.ts';
import { bidTerms, now } from '../market.fixture.ts';
import { indexOf } from '../round/round.fixture.ts';
import { nextSlot } from './free-hours.ts';
import type { MarketIndex } from './market-index.ts';

const hour = 3600;
const day = 24 * hour;
const model = 'R640';
const count = 300;

/** Leases of whole hours, and such that begin and end at any second. */
const time = fc.oneof(
	fc.integer({ min: 0, max: 30 * 24 }).map(each => each * hour),
	fc.integer({ min: 0, max: 30 * day }),
);
const length = fc.oneof(
	fc.integer({ min: 1, max: 200 }).map(each => each * hour),
	fc.integer({ min: 1, max: 5 * day }),
);
const lease = fc.record({ server: fc.nat(count - 1), start: time, length });
const question = fc.record({
	earliest: time,
	window: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 * day })),
	length,
});
const step = fc.oneof(
	{ weight: 3, arbitrary: fc.array(lease, { minLength: 1, maxLength: 400 }) },
	{ weight: 1, arbitrary: fc.constant('end some' as const) },
);

/** All slots, looked at one by one. */
function fitting(
	index: MarketIndex,
	{ earliest, latest, length: wanted }: Parameters<typeof walkSlots>[2],
): string[] {
	const found: string[] = [];
	for (const { servers } of index.offers) {
		for (const server of servers) {
			for (const { offer, leased } of server.slots.values()) {
				let fits = false;
				for (const interval of offer.document.intervals)
					leased.eachFree(interval, (from, to) => {
						fits ||= Math.max(from, earliest) <= Math.min(to - wanted, latest);
						return true;
					});
				if (fits) found.push(server.name);
			}
		}
	}
	return found;
}

test('no slot that is free is passed over, whatever was leased and given back since it was last looked at', t => {
	let passedOver = 0;
	let looked = 0;
	fc.assert(
		fc.property(
			fc.array(fc.tuple(step, fc.array(question, { minLength: 2, maxLength: 4 })), {
				minLength: 1,
				maxLength: 4,
			}),
			steps => {
				const index = indexOf(
					Array.from({ length: count }, (_, n) => ({
						model,
						price: 1 + (n % 7),
						start: (n % 3) * hour,
						end: 20 * day + n * 1000,
					})),
					[],
				);
				const made: { server: string; start: number; end: number; by: string }[] = [];
				for (const [what, questions] of steps) {
					if (what === 'end some') {
						for (const span of made.splice(0, made.length >> 1))
							index.setSpan(span.server, span.end, undefined);
					} else {
						for (const each of what) {
							const start = now + each.start;
							const span = { server: `s${each.server}`, start, end: start + each.length, by: 'l' };
							if (!index.server(span.server)?.leased.isFree(start, span.end)) continue;
							index.setSpan(span.server, span.end, span);
							made.push(span);
						}
					}
					for (const { earliest, window, length: wanted } of questions) {
						const stretch = { earliest: now + earliest, latest: now + earliest + window, length: wanted };
						const wish = { ...bidTerms, ...stretch, servers: { where: [] }, highest: 10 };
						const visited = new Set<string>();
						walkSlots(index, wish, stretch, ({ server }) => visited.add(server.name).size > 0);
						t.deepEqual(
							fitting(index, stretch).filter(name => !visited.has(name)),
							[],
						);
						looked += count;
						passedOver += count - visited.size;
					}
				}
			},
		),
		{ numRuns: 60 },
	);
	t.true(passedOver > looked / 10, `${passedOver} of ${looked} were passed over`);
});

test('slots are taken from a mask in their order', t => {
	const mask = new Uint32Array([0x80000001, 0, 0b1010, 0x80000000]);
	const found: number[] = [];
	for (let at = nextSlot(mask, 0); at < 128; at = nextSlot(mask, at + 1)) found.push(at);
	t.deepEqual(found, [0, 31, 65, 67, 127]);
});
