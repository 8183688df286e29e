import test from 'ava';
import fc from 'fast-check';
import type { ServerKind } from '../index/entry.ts';
import { now } from '../market.fixture.ts';
import { Cells } from './cells.ts';
import { indexOf } from './round.fixture.ts';

const hour = 3600;
const models = ['a', 'b', 'c'];
/** Slots of a kind: more than are passed over at once. */
const count = 4500;
const hours = 40;
/** Cells are of minutes, by the clock. */
const begin = Math.ceil(now / 60) * 60;

const interval = fc
	.record({ start: fc.nat(hours * hour - 1), length: fc.integer({ min: 1, max: 12 * hour }) })
	.map(({ start, length }) => ({
		start: begin + start,
		end: begin + Math.min(hours * hour, start + length),
	}));
const change = fc.record({ from: fc.nat(3 * count - 1), many: fc.constantFrom(1, 70, 5000), interval });

test('whatever was taken and given back, exactly the slots that are free are visited, in their order', t => {
	const index = indexOf(
		Array.from({ length: 3 * count }, (_, n) => ({
			model: models[n % 3] ?? '',
			price: 1 + (n % 7),
			start: begin - now,
			end: begin - now + hours * hour,
		})),
		[],
	);
	const lanes = new Map(
		[...index.kinds].map(kind => [kind, kind.lane.blocks.flatMap(({ slots }) => slots)] as const),
	);
	let visits = 0;
	const ask = (cells: Cells, taken: readonly (readonly Time[])[], within: Time): void => {
		let first = 0;
		for (const [kind, { length }] of lanes) {
			const free: number[] = [];
			for (let n = first; n < first + length; n++)
				if (!taken[n]?.some(each => meet(each, within))) free.push(n);
			t.is(visited(cells, kind, within).join(), free.join());
			visits += free.length;
			first += length;
		}
	};
	fc.assert(
		fc.property(fc.array(change, { maxLength: 12 }), interval, (changes, asked) => {
			const cells = new Cells(lanes, { start: begin, end: begin + hours * hour });
			/** The same, in plain lists: of each slot what is taken. */
			const taken = cells.slots.map((): Time[] => []);
			for (const { from, many, interval: within } of changes) {
				ask(cells, taken, asked);
				for (let n = from; n < Math.min(from + many, cells.slots.length); n++) {
					const own = taken[n] ?? [];
					const same = own.findIndex(({ start, end }) => start === within.start && end === within.end);
					if (same < 0 && own.some(each => meet(each, within))) continue;
					if (same < 0) own.push(within);
					else own.splice(same, 1);
					cells.set(n, within, same < 0);
				}
			}
			// Twice, since what was learnt by the first time is used the second time; and of a part of it.
			for (const end of [asked.end, asked.end, Math.max(asked.start + 1, asked.end - 2 * hour), asked.end])
				ask(cells, taken, { start: asked.start, end });
		}),
		{ numRuns: 30 },
	);
	t.true(visits > 30_000, `${visits} visits are too few to show anything`);
});

type Time = Readonly<Record<'start' | 'end', number>>;
/** Times that touch the same cell meet. */
const meet = (a: Time, b: Time): boolean =>
	Math.floor(a.start / 60) < Math.ceil(b.end / 60) && Math.floor(b.start / 60) < Math.ceil(a.end / 60);

function visited(cells: Cells, kind: ServerKind, within: Time): number[] {
	const found: number[] = [];
	cells.eachFree(kind, within, n => found.push(n) > 0);
	return found;
}
