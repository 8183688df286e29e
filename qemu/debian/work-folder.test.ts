import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { makeWorkFolder } from './work-folder.ts';

const day = 24 * 3600 * 1000;

test('what a killed build has left goes after a day, unless somebody lives who made it or works in it', async t => {
	const cache = await realpath(await mkdtemp(path.join(tmpdir(), 'bimetal-work-')));
	t.teardown(() => rm(cache, { recursive: true, force: true }));
	const ended = spawn(process.execPath, ['-e', '0']);
	await once(ended, 'exit');
	const now = Date.now();
	const make = async (name: string): Promise<string> => {
		const folder = path.join(cache, name);
		await mkdir(path.join(folder, 'tree'), { recursive: true });
		await writeFile(path.join(folder, 'tree', 'file'), '');
		// As unpacking a package leaves it: that says nothing of how old the folder is.
		await utimes(folder, new Date(now - 900 * day), new Date(now - 900 * day));
		return folder;
	};
	const abandoned = [`guest-new-${ended.pid}-aaaaaa`, 'guest-new-bbbbbb', 'unpacked-cccccc'];
	for (const name of abandoned) await make(name);
	const living = [`guest-new-${process.pid}-eeeeee`, `unpacked-${process.pid}-gggggg`];
	for (const name of living) await make(name);
	const workedIn = `guest-new-${ended.pid}-ffffff`;
	const cwd = path.join(await make(workedIn), 'tree');
	await make('image-0123456789abcdef');
	// It says so when it has begun, and ends with its input.
	const working = spawn(process.execPath, ['-e', 'console.log(1); process.stdin.resume()'], { cwd });
	const isOver = once(working, 'exit');
	t.teardown(async () => {
		working.stdin.end();
		await isOver;
	});
	await once(working.stdout, 'data');

	const early = path.basename(await makeWorkFolder(cache, now + day - 60_000));
	const kept = [...living, workedIn, early, 'image-0123456789abcdef'];
	t.deepEqual((await readdir(cache)).sort(), [...abandoned, ...kept].sort());

	const made = path.basename(await makeWorkFolder(cache, now + day + 60_000));
	t.regex(made, new RegExp(`^guest-new-${process.pid}-\\w{6}$`));
	const left = (await readdir(cache)).sort();
	t.deepEqual(left, [...kept, made].sort());
});
