import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { describeFailure } from './failure.ts';
import { createTerminal } from './test-terminal.ts';

test('a path that cannot be used is the user’s to mend, and a fault of ours is said to be one', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-failure-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const file = path.join(folder, 'file');
	await writeFile(file, '');
	const { context } = createTerminal();
	const faults: unknown[] = [];
	await mkdir(path.join(file, 'below')).catch(fault => faults.push(fault));
	await readFile(folder).catch(fault => faults.push(fault));
	const [below, whole] = faults.map(fault => describeFailure(fault, context));
	t.like(below, { exitCode: 2, code: 'FileUnusable' });
	t.is(below?.tryNext, `${file}/below: what should be a folder on the way there is a file`);
	// Node names no path where reading has begun.
	t.is(whole?.code, 'Fault');
	t.like(describeFailure(new TypeError('x is undefined'), context), { exitCode: 1, code: 'Fault' });
});
