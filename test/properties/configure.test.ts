import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { chooseFactor, chooseSeed } from './seed.ts';

const properties = `
import test from 'ava';
import fc from 'fast-check';
test('all numbers are small', t => fc.assert(fc.property(fc.nat(), n => t.true(n < 1000)), { numRuns: 50 }));
test('runs', async t => {
	let runs = 0;
	const count = () => void runs++;
	fc.assert(fc.property(fc.nat(), count));
	await fc.assert(fc.asyncProperty(fc.nat(), async () => count()), { numRuns: 7 });
	fc.check(fc.property(fc.nat(), count), { numRuns: 2 });
	t.log('in all', runs, 'from', fc.sample(fc.integer(), 1));
	t.pass();
});
`;

/** Has ava run these properties in a folder of their own, set up as in ours. */
async function runProperties(t: ExecutionContext, asked: Record<string, string>): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-properties-'));
	try {
		const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
		await symlink(modules, path.join(folder, 'node_modules'));
		const require = [fileURLToPath(new URL('configure.ts', import.meta.url))];
		await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
		const config = JSON.stringify({ files: ['*.test.js'], workerThreads: false, require });
		await writeFile(path.join(folder, 'ava.config.js'), `export default ${config};`);
		await writeFile(path.join(folder, 'numbers.test.js'), properties);
		const { BIMETAL_TEST_SEED: _, BIMETAL_TEST_RUNS: __, ...env } = process.env;
		const ava = path.join(modules, 'ava', 'entrypoints', 'cli.js');
		return await new Promise(resolve => {
			const options = { cwd: folder, env: { ...env, ...asked }, timeout: 100_000 };
			execFile(process.execPath, [ava, '--tap'], options, (fault, out, err) => {
				t.truthy(fault, 'a property is wrong');
				resolve(out + err);
			});
		});
	} finally {
		await rm(folder, { recursive: true });
	}
}

test('a run is the same twice: what fails, at what, and how to see it again', async t => {
	const one = await runProperties(t, {});
	const again = /Again: (.*)/.exec(one)?.[1] ?? '';
	t.regex(again, /^BIMETAL_TEST_SEED=\d+ npm test -- numbers\.test\.js$/);
	const seed = /\d+/.exec(again)?.[0] ?? '';
	const said = (output: string) =>
		[/\{ seed: .*/, /Counterexample: .*/, /in all .*/].map(line => line.exec(output)?.[0]);
	t.regex(said(one).join(), /seed: -?\d+, path.*Counterexample: \[1000\].*in all 109 from/);
	t.deepEqual(said(await runProperties(t, { BIMETAL_TEST_SEED: seed })), said(one));
	t.notDeepEqual(said(await runProperties(t, { BIMETAL_TEST_SEED: `${Number(seed) + 1}` })), said(one));
});

test('there are as many times more runs as are asked for, also where a property says how many', async t => {
	const output = await runProperties(t, { BIMETAL_TEST_SEED: '7', BIMETAL_TEST_RUNS: '3' });
	t.regex(output, /in all 327 from/);
	t.regex(output, /Again: BIMETAL_TEST_SEED=7 BIMETAL_TEST_RUNS=3 npm test -- numbers\.test\.js/);
});

test('what is no seed and no number of times is refused', t => {
	t.is(chooseSeed(''), chooseSeed(undefined));
	t.is(chooseSeed('0'), 0);
	t.true(Number.isInteger(chooseSeed('random')));
	for (const wrong of ['Random', '-1', '1.5', '1e3', ' 7', '2147483648', '99999999999'])
		t.throws(() => chooseSeed(wrong), { message: /BIMETAL_TEST_SEED is / });
	t.is(chooseFactor(''), 1);
	t.is(chooseFactor('30'), 30);
	for (const wrong of ['0', '-1', '0.5', 'ten', '100001'])
		t.throws(() => chooseFactor(wrong), { message: /BIMETAL_TEST_RUNS is / });
});
