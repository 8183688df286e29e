import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import test from 'ava';
import { runCommand } from './command.ts';

const options = { cwd: tmpdir(), onLine: () => {}, timeLimit: 60_000, stop: new AbortController().signal };

test('gives the lines and the exit code', async t => {
	const lines: string[] = [];
	const result = await runCommand('sh', ['-c', 'echo one; echo two >&2; exit 3'], {
		...options,
		onLine: line => lines.push(line),
	});
	t.is(result.code, 3);
	t.deepEqual(lines.sort(), ['one', 'two']);
	t.deepEqual(result.leftBehind, []);
});

test('names a process left behind, and ends it', async t => {
	const { leftBehind } = await runCommand('sh', ['-c', 'sleep 300 & exit 0'], options);
	if (process.platform !== 'linux') return t.deepEqual(leftBehind, []);
	t.is(leftBehind.length, 1);
	t.true(leftBehind[0]?.endsWith('sleep 300'));
	const stat = `/proc/${Number(leftBehind[0]?.split(' ')[0])}/stat`;
	// Killed; it may still be a zombie until somebody collects it.
	t.true(!existsSync(stat) || / [ZX] /.test(readFileSync(stat, 'utf8')));
});

test('ends a command that takes too long', async t => {
	const result = await runCommand('sleep', ['300'], { ...options, timeLimit: 50 });
	t.true(result.timedOut);
	t.is(result.signal, 'SIGKILL');
});

test('passes an interruption on', async t => {
	const stop = new AbortController();
	const running = runCommand('sh', ['-c', 'trap "exit 7" INT; echo ready; sleep 300 & wait'], {
		...options,
		stop: stop.signal,
		onLine: () => stop.abort(),
	});
	t.is((await running).code, 7);
});

test('rejects when the command is not there', async t => {
	await t.throwsAsync(runCommand('/nonexistent/command', [], options), { code: 'ENOENT' });
});
