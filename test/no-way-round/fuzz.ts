// The differential fuzz test by hand, for as long as one likes: npm run fuzz -- --seconds 600 --seed 7
import { parseArgs } from 'node:util';
import { describeFailure, fuzz } from './fuzz-run.ts';

const { values } = parseArgs({
	options: {
		seconds: { type: 'string', default: '60' },
		seed: { type: 'string' },
		workers: { type: 'string' },
	},
});
const seconds = Number(values.seconds);
const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const given = values.workers === undefined ? undefined : Number(values.workers);
if (!(seconds > 0) || !Number.isInteger(first) || (given !== undefined && !(given >= 0 && given <= 16))) {
	console.error('usage: npm run fuzz -- [--seconds N] [--seed N] [--workers N]');
	process.exit(2);
}
// A site keeps what waits and what was recorded: a new one now and then keeps the runs fast.
const runs = 400;

console.log(`seed ${first}, ${seconds} s`);
const until = Date.now() + seconds * 1000;
const total = { streams: 0, changes: 0, images: 0, reads: 0, sockets: 0, own: 0 };
const statuses: Record<string, number> = {};
for (let seed = first; Date.now() < until; seed++) {
	// Every other site is served by several processes.
	const workers = given ?? (seed % 2 === 0 ? 0 : 2);
	const { coverage, failure } = await fuzz({ seed, workers, runs, time: until - Date.now() });
	for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += coverage[name];
	for (const [status, count] of Object.entries(coverage.answers))
		statuses[status] = (statuses[status] ?? 0) + count;
	if (failure === undefined) continue;
	console.log(`seed ${seed}, ${workers} workers: ${failure.message}\nlooking for the least that shows it …`);
	console.log(await describeFailure(failure, { workers, time: 5 * 60_000 }));
	console.log(`again: npm run fuzz -- --seconds ${seconds} --seed ${seed} --workers ${workers}`);
	process.exitCode = 1;
	break;
}
const { streams, changes, images, reads, sockets, own } = total;
console.log(
	`${streams} streams; ${changes} changes (${images} images), ${reads} reads and ${sockets} WebSockets reached BMCs; ${own} were the proxy's own; answers:`,
	statuses,
);
