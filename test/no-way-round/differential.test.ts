// The one thing that must never happen: a BMC does what no decision on the record says, in other words than it says.
import test from 'ava';
import fc from 'fast-check';
import { startTestProxy } from '../proxy/start-proxy.ts';
import { createDifferential } from './differential.ts';
import { anyBatch } from './streams.ts';

const seconds = 15;

test('whatever bytes are sent, BMCs carry out what was decided on, in the same words, once', async t => {
	t.timeout((seconds + 60) * 1000);
	const site = await startTestProxy();
	t.teardown(() => site.close());
	await site.ask('cp-operator', 'GET', '/bmc/node1/redfish/v1/Systems');
	const differential = createDifferential(site);
	await fc.assert(
		fc.asyncProperty(
			anyBatch,
			fc.record({ up: fc.constantFrom(8, 5), watts: fc.constantFrom(880, 1200) }),
			async (batch, facts) => {
				Object.assign(site.world, facts);
				await differential.run(batch);
			},
		),
		{ numRuns: 100_000, seed: 20_260_101, interruptAfterTimeLimit: seconds * 1000, endOnFailure: true },
	);
	await differential.settle();
	const { streams, changes, reads, answers } = differential.coverage();
	t.log(`${streams} streams; ${changes} changes and ${reads} reads reached BMCs`, answers);
	t.true(changes > 2 && reads > 10, 'too little came through to say anything');
});
