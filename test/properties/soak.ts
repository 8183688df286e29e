// Looks further than a run of the tests: seeds nobody chose, and ever more runs of each property, one file after the
// other at a low priority, for as long as one likes: npm run soak -- --minutes 60 [FILES]
import { globSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCommand } from '../runner/command.ts';
import { chooseSeed } from './seed.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values, positionals } = parseArgs({
	options: { minutes: { type: 'string', default: '10' } },
	allowPositionals: true,
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
	console.error('usage: npm run soak -- [--minutes N] [FILES]');
	process.exit(2);
}
const folders = 'common,proxy,hil,provisioner,attest,market,qemu,cli,test,bench';
const files =
	positionals.length > 0
		? positionals
		: globSync(`{${folders}}/**/*.test.ts`, { cwd: root })
				.filter(file => readFileSync(path.join(root, file), 'utf8').includes("from 'fast-check'"))
				.sort();

/** Seconds under which a file is given three times as many runs the next time, and above which half as many. */
const [short, long] = [20, 200];
const mostRuns = 1000;
os.setPriority(10);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(signal));

const until = performance.now() + minutes * 60_000;
const factors = new Map<string, number>();
let [rounds, failed] = [0, 0];
for (let n = 0; performance.now() < until && !stop.signal.aborted; n++) {
	const file = files[n % files.length] ?? '';
	const runs = factors.get(file) ?? 1;
	const asked = { BIMETAL_TEST_SEED: `${chooseSeed('random')}`, BIMETAL_TEST_RUNS: `${runs}` };
	const lines: string[] = [];
	const began = performance.now();
	const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');
	const { code } = await runCommand(process.execPath, [ava, '--concurrency', '1', file], {
		cwd: root,
		env: { ...process.env, ...asked },
		onLine: line => lines.push(line),
		timeLimit: 30 * 60_000,
		stop: stop.signal,
	});
	if (stop.signal.aborted) break;
	const seconds = (performance.now() - began) / 1000;
	const again = `BIMETAL_TEST_SEED=${asked.BIMETAL_TEST_SEED} BIMETAL_TEST_RUNS=${runs} npm test -- ${file}`;
	console.log(`${code === 0 ? 'good' : 'FAIL'} ${seconds.toFixed(1).padStart(6)} s  ${again}`);
	rounds++;
	if (code !== 0) {
		failed++;
		for (const line of lines) console.log(`  ${line}`);
	}
	if (seconds < short) factors.set(file, Math.min(mostRuns, runs * 3));
	if (seconds > long) factors.set(file, Math.max(1, Math.floor(runs / 2)));
}
console.log(`${rounds} rounds over ${files.length} files, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
