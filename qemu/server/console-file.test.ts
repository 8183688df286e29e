import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { openConsoleFile } from './console-file.ts';

test('it is for its owner only, goes on where it was, and is renamed when it is full', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-console-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'console');
	const options = { limit: 10, onFault: (fault: unknown) => t.fail(String(fault)) };
	const first = openConsoleFile(file, options);
	first.add(Buffer.from('12345'));
	first.close();
	first.add(Buffer.from('never'));
	const second = openConsoleFile(file, options);
	second.add(Buffer.from('67890'));
	t.is(await readFile(file, 'utf8'), '1234567890');
	second.add(Buffer.from('a'));
	t.is(await readFile(`${file}.1`, 'utf8'), '1234567890');
	second.add(Buffer.from('longer than the limit'));
	second.close();
	t.is(await readFile(`${file}.1`, 'utf8'), 'a');
	t.is(await readFile(file, 'utf8'), 'longer than the limit');
	t.is((await stat(file)).mode & 0o777, 0o600);
});

test('a disk that takes no more ends the record, and that is told once', t => {
	const faults: unknown[] = [];
	const file = openConsoleFile('/dev/full', { onFault: fault => faults.push(fault) });
	file.add(Buffer.from('a'));
	file.add(Buffer.from('b'));
	t.is(faults.length, 1);
	t.regex(String(faults[0]), /ENOSPC/);
});
