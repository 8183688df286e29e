// The one thing that must never happen: a BMC does what no decision on the record says, in other words than it says.
import test from 'ava';
import { describeFailure, fuzz } from './fuzz-run.ts';

const seconds = 15;

for (const { workers, seed } of [
	{ workers: 0, seed: 20_260_101 },
	// What home alone can do is handed over to it by others, over a socket on which nobody else may write.
	{ workers: 2, seed: 20_260_102 },
]) {
	const by = workers > 0 ? `home and ${workers} more processes` : 'one process';
	test.serial(
		`whatever bytes are sent, BMCs carry out what was decided on, in the same words, once: ${by}`,
		async t => {
			t.timeout((seconds + 100) * 1000);
			const { coverage, failure } = await fuzz({ seed, workers, runs: 100_000, time: seconds * 1000 });
			const { streams, changes, reads, sockets, images, own, answers } = coverage;
			t.log(
				`${streams} streams; ${changes} changes (${images} images), ${reads} reads and ${sockets} WebSockets reached BMCs; ${own} were the proxy's own`,
				answers,
			);
			if (failure) t.fail(await describeFailure(failure, { workers, time: 60_000 }));
			// Shares, since how many there are is a matter of the machine; well below what is usual, since a busy one comes to few hundred.
			t.true(streams >= 5, `only ${streams} streams`);
			t.true(changes >= streams / 50, 'too few changes came through to say anything');
			t.true(reads >= streams / 20, 'too few reads came through to say anything');
		},
	);
}
