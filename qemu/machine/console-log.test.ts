import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { createConsoleLog } from './console-log.ts';

const limit = 30_000;

test('a pattern is found across pieces, and what was found once is not found again', async t => {
	const log = createConsoleLog();
	const first = log.waitFor(/boot (\d+)/, limit);
	log.add(Buffer.from('Linux\r\nbo'));
	log.add(Buffer.from('ot 1\r\n'));
	t.is((await first)[1], '1');
	const second = log.waitFor(/boot (\d+)/, limit);
	log.add(Buffer.from('boot 2\r\n'));
	t.is((await second)[1], '2');
});

test('what never comes fails with the last lines, without what would steer a terminal', async t => {
	const log = createConsoleLog();
	log.add(Buffer.from('\x1b[31mKernel panic\x1b[0m\r\n\x1b]0;owned\x07not syncing\r\n'));
	const fault = await t.throwsAsync(log.waitFor(/login:/, 1));
	t.regex(String(fault?.message), /never showed \/login:\/.*\n {2}\| Kernel panic\n {2}\| not syncing$/s);
	const waiting = log.waitFor(/login:/, limit);
	log.fail('node1 has ended (SIGKILL)');
	t.regex(String((await t.throwsAsync(waiting))?.message), /node1 has ended \(SIGKILL\)/);
	await t.throwsAsync(log.waitFor(/login:/, limit), { message: /has ended/ });
});

test('only the last lines are kept, and a position stays right when old text goes', async t => {
	const log = createConsoleLog();
	log.add(Buffer.from('first\n'));
	await log.waitFor(/first/, limit);
	for (let i = 0; i < 40; i++) log.add(Buffer.from(`${'x'.repeat(10_000)}\n`));
	log.add(Buffer.from('last\n'));
	t.is((await log.waitFor(/last/, limit))[0], 'last');
	t.true(log.lastLines(1000).length <= 200);
	t.is(log.lastLines(1)[0], 'last');
});

test('the file is for its owner only, and does not grow for ever', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-console-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'console');
	const log = createConsoleLog({ file, fileLimit: 10 });
	log.add(Buffer.from('12345678'));
	log.add(Buffer.from('90abc'));
	log.add(Buffer.from('def'));
	log.close();
	log.add(Buffer.from('ghi'));
	t.is(await readFile(file, 'utf8'), '1234567890');
	t.is((await stat(file)).mode & 0o777, 0o600);
});
