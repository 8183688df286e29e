// What `npm test` runs: types, lint, every test under our Node 24, and the proxy's tests under Node 20. Goes on
// after a failure. The last line is always `N passed, N failed, N skipped`; the exit code is 0 only without
// failures. `npm test -- FILES` runs these test files alone.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianParts } from './debian/parts.ts';
import { chooseSeed } from './properties/seed.ts';
import { type CommandResult, runCommand } from './runner/command.ts';
import { findNode20, transpileForNode20 } from './runner/node20.ts';
import { createTapReader } from './runner/tap.ts';
import { findOpenbmcImage, needsImage } from './some-bmc/openbmc-image.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string) => path.join(root, 'node_modules', '.bin', name);
const nameHangingTests = new URL('runner/name-hanging-tests.mjs', import.meta.url).href;
const inCi = process.env.CI === 'true';
const minutes = 60_000;
/** Of each stage of tests: that of the machines takes more than half of it. */
const stageLimit = 70;

const total = { passed: 0, failed: 0, skipped: 0 };
const skippedTitles: string[] = [];
/** One for all stages, also when it is drawn. */
let seed = process.env.BIMETAL_TEST_SEED;
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
	process.on(signal, () => interrupt.abort(signal));

const say = (line = '') => console.log(line);

/** Runs one stage and prints its name, its outcome and the seconds it took. */
async function stage(name: string, run: () => Promise<string>): Promise<void> {
	if (interrupt.signal.aborted) return;
	const began = performance.now();
	const outcome = await run().catch((error: unknown) => {
		total.failed++;
		return `failed: ${error instanceof Error ? error.message : String(error)}`;
	});
	say(`${name.padEnd(16)}${outcome}  (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

/** Commands that say by their exit code alone whether all is well; together they count as one result. */
async function check(commands: readonly (readonly [string, ...string[]])[]): Promise<string> {
	const failed: string[] = [];
	for (const [tool, ...args] of commands) {
		const output: string[] = [];
		const result = await runCommand(bin(tool), args, {
			cwd: root,
			onLine: line => output.push(line),
			timeLimit: 10 * minutes,
			stop: interrupt.signal,
		});
		if (result.code === 0) continue;
		for (const line of output) say(`  ${line}`);
		failed.push(`${tool} (${howItEnded(result)})`);
	}
	if (failed.length > 0) throw new Error(failed.join(', '));
	total.passed++;
	return 'passed';
}

/** Runs ava and counts each test. `node` is the interpreter, `cwd` where the files are. */
async function runTests(
	node: string,
	cwd: string,
	files: readonly string[],
	env: NodeJS.ProcessEnv = {},
): Promise<string> {
	const tap = createTapReader(lines => {
		say();
		for (const line of lines) say(`  ${line}`);
	});
	const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.js');
	const result = await runCommand(node, ['--import', nameHangingTests, ava, '--tap', ...files], {
		cwd,
		env: { ...process.env, BIMETAL_TEST_SEED: seed, ...env },
		// The test files' own output goes to standard error, so that it cannot pass for results.
		onLine: tap.line,
		onErrorLine: line => say(`  | ${line}`),
		timeLimit: stageLimit * minutes,
		stop: interrupt.signal,
	});
	const verdict = tap.end(result);
	const doubts = [...verdict.doubts];
	if (result.timedOut) doubts.push(`the tests took more than ${stageLimit} minutes`);
	for (const left of result.leftBehind) doubts.push(`a test left this process behind: ${left}`);
	for (const doubt of doubts) say(`  ✘ ${doubt}`);
	const { passed, failed, skipped } = verdict.counts;
	total.passed += passed;
	total.failed += failed + doubts.length;
	total.skipped += skipped;
	skippedTitles.push(...verdict.skipped);
	return `${passed} passed, ${failed + doubts.length} failed, ${skipped} skipped`;
}

function howItEnded({ code, signal, timedOut }: CommandResult): string {
	if (timedOut) return 'took too long';
	return signal ? `ended by ${signal}` : `exit code ${code}`;
}

/** No image can come with the project, so that having none is no failure; but it is said. */
function describeImage(): string {
	const none = `BIMETAL_OPENBMC_IMAGE or ../shared/openbmc/*.static.mtd): ${withoutImage} tests not run`;
	try {
		return findOpenbmcImage(process.env) ?? `none given (${none}`;
	} catch (error) {
		return error instanceof Error ? error.message : String(error);
	}
}

const only = process.argv.slice(2);
const node20 = findNode20(process.env);

await stage('seed', async () => {
	seed = `${chooseSeed(seed)}`;
	return `${seed}; BIMETAL_TEST_SEED=N or =random for another`;
});
if (only.length === 0) {
	await stage('types', () => check([['tsc', '--noEmit']]));
	await stage('lint', () =>
		check([
			['biome', 'check', '--error-on-warnings', '.'],
			['depcruise', '--config', '.dependency-cruiser.cjs', '.'],
			['knip', '--no-progress'],
		]),
	);
}
await stage('tests', () =>
	runTests(process.execPath, root, only, only.length === 0 ? { BIMETAL_TEST_PART: 'others' } : {}),
);
if (only.length === 0) {
	await stage('tests, machines', () =>
		runTests(process.execPath, root, [], { BIMETAL_TEST_PART: 'machines' }),
	);
	// Whatever holds of a proxy alone holds of one with workers.
	await stage('tests, workers', () =>
		runTests(process.execPath, root, ['test/proxy'], { BIMETAL_TEST_WORKERS: '2' }),
	);
}
if (only.length === 0 && node20) {
	await stage('tests, Node 20', async () => {
		const folder = path.join(root, 'node_modules', '.cache', 'bimetal-node20');
		// More runs need what Node 20 cannot: to put another module in a package's place.
		return runTests(node20.path, folder, transpileForNode20(root, folder), { BIMETAL_TEST_RUNS: '' });
	});
}

say();
if (only.length === 0) {
	if (!node20) total.skipped++;
	say(
		`Node 20: ${node20 ? `${node20.version}, ${node20.path}` : 'none found, so the proxy was not tested on it; BIMETAL_NODE20=path'}`,
	);
}
say('Debian parts:');
const parts = debianParts();
for (const { name, here } of parts) {
	const missed = skippedTitles.filter(title => title.includes(`[needs ${name}]`)).length;
	say(`  ${name.padEnd(20)} ${here ? 'here' : `missing; ${missed} tests not run for it`}`);
	if (!here && inCi && only.length === 0) total.failed++;
}
const withoutImage = skippedTitles.filter(title => title.includes(needsImage)).length;
say(`OpenBMC image: ${describeImage()}`);
const others = skippedTitles.filter(
	title => !title.includes(needsImage) && !parts.some(({ name }) => title.includes(`[needs ${name}]`)),
);
for (const title of others) say(`  not run: ${title}`);
if (parts.some(part => !part.here)) {
	say(
		`  To get them: sudo test/debian/install${inCi ? ' (under CI=true each missing one is a failure)' : ''}`,
	);
}
if (interrupt.signal.aborted) {
	total.failed++;
	say(`Interrupted by ${String(interrupt.signal.reason)}.`);
}
say();
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = interrupt.signal.aborted ? 130 : total.failed > 0 ? 1 : 0;
