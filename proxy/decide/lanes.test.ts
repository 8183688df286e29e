import test from 'ava';
import fc from 'fast-check';
import { createLanes } from './lanes.ts';

test('within a lane one at a time and in order; what fails stops nobody; other lanes do not wait', async t => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.record({ lane: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean(), turns: fc.nat(3) })),
			async jobs => {
				const lanes = createLanes();
				const inside = new Map<string, number>();
				const order = new Map<string, number[]>();
				const work = jobs.map(({ lane, fails, turns }, i) =>
					lanes.run(lane, async () => {
						t.is(inside.get(lane) ?? 0, 0);
						inside.set(lane, 1);
						order.set(lane, [...(order.get(lane) ?? []), i]);
						for (let turn = 0; turn < turns; turn++) await Promise.resolve();
						inside.set(lane, 0);
						if (fails) throw new Error(`job ${i}`);
						return i;
					}),
				);
				const results = await Promise.allSettled(work);
				for (const [i, result] of results.entries()) {
					if (jobs[i]?.fails) t.is(result.status === 'rejected' && result.reason.message, `job ${i}`);
					else t.is(result.status === 'fulfilled' && result.value, i);
				}
				for (const indexes of order.values())
					t.deepEqual(
						[...indexes].sort((a, b) => a - b),
						indexes,
					);
			},
		),
		{ numRuns: 60 },
	);
});

test('a lane that never ends holds up nobody else', async t => {
	const lanes = createLanes();
	void lanes.run('a', () => new Promise(() => {}));
	t.is(await lanes.run('b', async () => 'done'), 'done');
});

test('a lane within a lane, as an approval takes them', async t => {
	const lanes = createLanes();
	const nested = (request: string) => lanes.run(request, () => lanes.run('rack', async () => request));
	t.deepEqual(await Promise.all(['r1', 'r2', 'r1', 'r2'].map(nested)), ['r1', 'r2', 'r1', 'r2']);
});
