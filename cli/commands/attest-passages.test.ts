import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type AirlockBench, startAirlock } from '../../attest/passage/airlock.fixture.ts';
import { refused } from '../../attest/passage/evidence.fixture.ts';
import { createTerminal } from '../test-terminal.ts';

async function terminalOf(t: ExecutionContext, { attest }: AirlockBench) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-passages-cli-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	await writeFile(path.join(folder, 'alice.password'), 'alice\n', { mode: 0o600 });
	const env = {
		...{ BIMETAL_ATTEST_URL: attest.url, BIMETAL_HOME: folder },
		...{ BIMETAL_ATTEST_USER: 'alice', BIMETAL_ATTEST_PASSWORD_FILE: 'alice.password' },
	};
	return () => createTerminal({ cwd: folder, env });
}

/** Time passes, and evidence comes that is good or not, until the work is over. */
async function meanwhile<R>(bench: AirlockBench, work: Promise<R>, isGood = true): Promise<R> {
	let isOver = false;
	const over = work.finally(() => {
		isOver = true;
	});
	const id = await bench.latest();
	const judged = new Set<string>();
	await bench.until(({ stage, state, admission }) => {
		if (admission !== null && stage === 'evidence' && !judged.has(admission)) {
			judged.add(admission);
			void bench.judge(admission, isGood ? undefined : refused);
		}
		return isOver || state === 'inside' || state === 'rejected' || state === 'returned';
	}, id);
	return over;
}

test('a node is brought in, listed, shown and followed; a refusal is exit 10', async t => {
	const bench = await startAirlock(t);
	const terminal = await terminalOf(t, bench);
	const run = (...argv: string[]) => terminal().run('attest', ...argv);
	const passing = await meanwhile(
		bench,
		run('pass', 'n1', 'red', '--network', 'eth0:rednet', '--network', 'eth1:rednet:101'),
	);
	t.is(passing.code, 0, passing.err);
	t.regex(
		passing.out,
		/^n1 is in red, eth0 on rednet, eth1 on rednet: attested by admission [0-9a-f-]{36}\.\n/,
	);
	t.regex(passing.err, /n1: evidence…\n/);
	const id = await bench.latest();
	t.regex((await run('passages', 'list')).out, new RegExp(`n1 +red +inside +- .*alice +${id}`));
	const shown = (await run('passages', 'show', id)).out;
	t.regex(shown, /from +the free nodes\nnetworks +eth0 rednet \(vlan\/native\)\n +eth1 rednet \(vlan\/101\)/);
	t.regex(shown, /stages +take +[\d.]+ m?s\n +power-off/);
	t.is((await run('passages', 'cancel', id)).code, 8);
	t.is((await run('passages', 'show', 'none')).code, 6);
	t.is((await run('pass', 'n1', 'blue')).code, 3);
	t.is((await run('pass', 'n1', 'red', '--network', 'eth0')).code, 2);
	t.is((await run('pass', 'n1', 'red', '--no-attestation', '--policy', 'p')).code, 2);
	t.regex(
		(await terminal().run('__complete', '--', 'attest', 'passages', 'show', '')).out,
		new RegExp(`^${id}\n`),
	);

	await bench.judge((await bench.show(id)).admission, { code: 'FileNotAllowed', reason: 'a file' });
	await bench.until(({ state }) => state === 'cut', id);
	const followed = await run('passages', 'follow', id);
	t.is(followed.code, 10);
	t.regex(followed.out, /state +cut\nwhy +FileNotAllowed: a file/);

	const again = run('pass', 'n1', 'red', '--json');
	const refused = await meanwhile(bench, again, false);
	t.is(refused.code, 10, refused.err);
	t.like(JSON.parse(refused.out), { state: 'rejected', code: 'PcrNotAllowed', origin: 'red' });
	t.regex((await run('passages', 'list')).out, /^Nobody is on the way or in/);
});

test('what comes to nothing says why and where the node is; Ctrl-C says how to go on', async t => {
	const bench = await startAirlock(t);
	const terminal = await terminalOf(t, bench);
	const impossible = ['attest', 'pass', 'n1', 'red', '--network', 'eth0:rednet:7'];
	const failed = await meanwhile(bench, terminal().run(...impossible));
	t.is(failed.code, 1);
	t.regex(failed.err, /take: .*can be on vlan\/native or vlan\/101/);
	t.regex(failed.err, /n1 is where it was before, off every network/);
	const begun = await terminal().run('attest', 'pass', 'n1', 'red', '--no-wait', '--json');
	const { id } = JSON.parse(begun.out) as { id: string };
	const interrupted = terminal();
	const following = interrupted.run('attest', 'passages', 'follow', id, '--json');
	await bench.until(({ stage }) => stage === 'evidence', id);
	interrupted.interrupt.abort();
	const ended = await following;
	t.is(ended.code, 130);
	t.regex(ended.err, new RegExp(`attest passages cancel ${id} ends it`));
	t.regex((await terminal().run('attest', 'passages', 'cancel', id)).out, /why +Cancelled: by alice/);
});
