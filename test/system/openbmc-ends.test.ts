// However `bimetal qemu openbmc` ends, its board ends with it, and nothing of it is left.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { talkingFlash } from '../../qemu/openbmc/talking-flash.fixture.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { until } from '../visitor.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const testBoard = testNeeding('qemu-system-arm');

/** A board that says one line and nothing more, until it is ended. */
async function start(t: ExecutionContext, ...args: string[]) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-ends-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await writeFile(
		path.join(folder, 'evb-ast2600.static.mtd'),
		talkingFlash('U-Boot 2019.04 (test)\r\n', 1024 * 1024),
	);
	const run = (...more: string[]) => {
		const command = ['qemu', 'openbmc', '--image', 'evb-ast2600.static.mtd', '--console', ...args, ...more];
		const env = { ...process.env, TMPDIR: folder };
		const child = spawn(process.execPath, [main, ...command], {
			cwd: folder,
			env,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		const said = { out: '', err: '' };
		child.stdout.on('data', chunk => {
			said.out += chunk;
		});
		child.stderr.on('data', chunk => {
			said.err += chunk;
		});
		return { child, said };
	};
	const left = async () => (await readdir(folder)).filter(name => name.startsWith('bimetal-'));
	return { run, left };
}

async function boardsOf({ pid }: ChildProcess): Promise<number[]> {
	const found: number[] = [];
	for (const entry of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
		const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '');
		if (environment.includes(`BIMETAL_RUN=openbmc-${pid}-`)) found.push(Number(entry));
	}
	return found;
}

testBoard('interrupted while the board boots, it says so and leaves nothing', async t => {
	const { run, left } = await start(t);
	const { child, said } = run('--proxy', '--json');
	await until(
		async () => said.err,
		err => err.includes('| U-Boot 2019.04'),
		60,
	);
	t.is((await boardsOf(child)).length, 1);
	child.kill('SIGINT');
	const [code] = await once(child, 'exit');
	t.is(code, 130, said.err);
	t.regex(said.err, /interrupted before it was up; nothing is left/);
	t.deepEqual(await left(), []);
	t.deepEqual(await boardsOf(child), []);
});

testBoard('killed, it takes its board along, and the next start removes its folder', async t => {
	const { run, left } = await start(t);
	const { child, said } = run();
	await until(
		async () => said.err,
		err => err.includes('| U-Boot 2019.04'),
		60,
	);
	child.kill('SIGKILL');
	await once(child, 'exit');
	await until(
		() => boardsOf(child),
		boards => boards.length === 0,
	);
	t.is((await left()).length, 1);

	const next = run('--timeout', '1s', '--json');
	const [code] = await once(next.child, 'exit');
	t.is(code, 7, next.said.err);
	const { error } = JSON.parse(next.said.out);
	t.is(error.code, 'RedfishSilent');
	t.regex(next.said.err, /Its console said last:\n +\| U-Boot 2019\.04/);
	t.deepEqual(await left(), []);
});

testBoard('what is wrong with the command line is said before anything starts', async t => {
	const { run, left } = await start(t);
	for (const [args, message] of [
		[['--port', '70000'], /'70000' is no port/],
		[['--port', '22:0'], /'22:0' is no port/],
		[['--port', '22:22/sctp'], /is no port/],
		[['--timeout', 'soon'], /'soon' is no time/],
		[['--sha256', 'abc'], /no SHA-256/],
		[['--sha256', '0'.repeat(64)], /is not what the command line says: its SHA-256 is [0-9a-f]{64}/],
		[['--machine', 'toaster-bmc'], /no Aspeed board 'toaster-bmc'; it has ast2500-evb/],
	] as const) {
		const { child, said } = run(...args);
		const [code] = await once(child, 'exit');
		t.is(code, 2, said.err);
		t.regex(said.err, message);
		t.deepEqual(await left(), []);
	}
});
