// The differential fuzz test by hand, for as long as one likes: npm run fuzz -- --seconds 600 --seed 7
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { startTestProxy } from '../proxy/start-proxy.ts';
import { type Coverage, createDifferential } from './differential.ts';
import { anyBatch, type Stream } from './streams.ts';

const { values } = parseArgs({
	options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(first)) {
	console.error('usage: npm run fuzz -- [--seconds N] [--seed N]');
	process.exit(2);
}
// A site keeps what waits and what was recorded: a new one now and then keeps the runs fast.
const runsPerSite = 400;

/** Runs one site's share; gives what failed, shrunk, or undefined. */
async function round(
	seed: number,
	until: number,
): Promise<{ coverage: Coverage; failure: string | undefined }> {
	const site = await startTestProxy();
	try {
		await site.ask('cp-operator', 'GET', '/bmc/node1/redfish/v1/Systems');
		const differential = createDifferential(site);
		const facts = fc.record({ up: fc.constantFrom(8, 5), watts: fc.constantFrom(880, 1200) });
		const result = await fc.check(
			fc.asyncProperty(anyBatch, facts, async (batch, world) => {
				Object.assign(site.world, world);
				await differential.run(batch);
			}),
			{ seed, numRuns: runsPerSite, interruptAfterTimeLimit: Math.max(1, until - Date.now()) },
		);
		if (!result.failed || result.counterexample === null) {
			const unsettled = await differential.settle().then(
				() => undefined,
				(fault: Error) => `seed ${seed}: ${fault.stack}`,
			);
			return { coverage: differential.coverage(), failure: unsettled };
		}
		const [batch, world] = result.counterexample;
		const failure = [
			`seed ${seed}, path ${result.counterexamplePath}, shrunk ${result.numShrinks} times, ${JSON.stringify(world)}`,
			...batch.map(describe),
			String((result.errorInstance as Error | undefined)?.stack),
		].join('\n');
		return { coverage: differential.coverage(), failure };
	} finally {
		await site.close();
	}
}

const describe = ({ door, text, cuts, ending }: Stream): string =>
	`-- to ${door}, cut at ${JSON.stringify(cuts)}, then ${ending}:\n${JSON.stringify(text)}`;

console.log(`seed ${first}, ${seconds} s`);
const until = Date.now() + seconds * 1000;
const total = { streams: 0, changes: 0, reads: 0 };
const statuses: Record<string, number> = {};
for (let seed = first; Date.now() < until; seed++) {
	const { coverage, failure } = await round(seed, until);
	total.streams += coverage.streams;
	total.changes += coverage.changes;
	total.reads += coverage.reads;
	for (const [status, count] of Object.entries(coverage.answers))
		statuses[status] = (statuses[status] ?? 0) + count;
	if (failure === undefined) continue;
	console.log(failure);
	console.log(`again: npm run fuzz -- --seconds ${seconds} --seed ${seed}`);
	process.exitCode = 1;
	break;
}
console.log(
	`${total.streams} streams; ${total.changes} changes and ${total.reads} reads reached BMCs; answers:`,
	statuses,
);
