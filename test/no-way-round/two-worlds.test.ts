// Non-interference: two sites whose BMCs differ only in what is hidden from a party look the same to that party, byte for byte.
import test from 'ava';
import fc from 'fast-check';
import { anySecrecy } from './random-site.ts';
import { compare, step } from './two-worlds.ts';

const seconds = 20;

test('what is hidden from a party changes no byte that it is sent, whatever the policies and the calls', async t => {
	t.timeout((seconds + 60) * 1000);
	let shown = 0;
	let runs = 0;
	const result = await fc.check(
		fc.asyncProperty(anySecrecy, fc.array(step, { minLength: 20, maxLength: 60 }), async (secrecy, steps) => {
			shown += await compare(secrecy, steps);
			runs++;
		}),
		{
			numRuns: 10_000,
			seed: Number(process.env.BIMETAL_FUZZ_SEED ?? 4711),
			interruptAfterTimeLimit: Number(process.env.BIMETAL_FUZZ_SECONDS ?? seconds) * 1000,
		},
	);
	if (result.failed) t.fail(`${(result.errorInstance as Error).message}\n${fc.defaultReportMessage(result)}`);
	t.log(`${runs} pairs of worlds; ${shown} answers of status 200 were compared`);
	t.true(shown > 20);
});
