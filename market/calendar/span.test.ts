import test from 'ava';
import fc from 'fast-check';
import { temporaryStore } from '../store.fixture.ts';
import { dropSpans, leasedSpans, type Span, spansWithin, takeSpan } from './span.ts';

const names = ['a', 'a b', 'b'] as const;
const step = fc.oneof(
	{
		weight: 4,
		arbitrary: fc.record({
			server: fc.constantFrom(...names),
			start: fc.nat(60),
			length: fc.integer({ min: 1, max: 20 }),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ drop: fc.nat(30) }) },
);

test('whatever is taken and given back at once, no second of a server is taken twice, and none is refused that is free', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 10 }),
			async rounds => {
				const { store, end } = await temporaryStore();
				try {
					/** By second of a server, who has it. */
					const taken = new Map<string, string>();
					const seconds = ({ server, start, end }: Pick<Span, 'server' | 'start' | 'end'>) =>
						Array.from({ length: end - start }, (_, n) => `${server}@${start + n}`);
					let made = 0;
					for (const steps of rounds) {
						await Promise.all(
							steps.map(each =>
								store.transact(async tx => {
									// The store does one after the other, so the model may be changed here.
									if ('drop' in each) {
										await dropSpans(tx, leasedSpans, `l${each.drop}`);
										for (const [key, by] of taken) if (by === `l${each.drop}`) taken.delete(key);
										return;
									}
									const { server, start, length } = each;
									const wanted = { server, start, end: start + length, by: `l${made++}` };
									const inTheWay = await takeSpan(tx, leasedSpans, wanted);
									const wouldMeet = seconds(wanted).some(key => taken.has(key));
									t.is(inTheWay !== undefined, wouldMeet);
									if (!inTheWay) for (const key of seconds(wanted)) taken.set(key, wanted.by);
								}),
							),
						);
					}
					const all = await store.read(tx => tx.list(leasedSpans));
					const found = all.flatMap(({ document }) =>
						seconds(document).map(key => [key, document.by] as const),
					);
					t.is(new Set(found.map(([key]) => key)).size, found.length, 'a second taken twice');
					t.deepEqual(new Map([...found].sort()), new Map([...taken].sort()));
					for (const server of names) {
						const within = await store.read(tx =>
							spansWithin(tx, leasedSpans, server, { start: 20, end: 40 }),
						);
						const expected = all
							.map(({ document }) => document)
							.filter(span => span.server === server && span.start < 40 && span.end > 20);
						t.deepEqual(
							within,
							expected.sort((a, b) => a.start - b.start),
						);
					}
				} finally {
					await end();
				}
			},
		),
		{ numRuns: 30 },
	);
});
