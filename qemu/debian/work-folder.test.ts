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
	const make = async (name: string, age: number): Promise<string> => {
		const folder = path.join(cache, name);
		await mkdir(path.join(folder, 'tree'), { recursive: true });
		await writeFile(path.join(folder, 'tree', 'file'), '');
		await utimes(folder, new Date(now - age), new Date(now - age));
		return folder;
	};
	await make(`guest-new-${ended.pid}-aaaaaa`, day + 1000);
	await make('guest-new-bbbbbb', day + 1000);
	await make('unpacked-cccccc', day + 1000);
	const fresh = `guest-new-${ended.pid}-dddddd`;
	await make(fresh, day - 60_000);
	const living = `guest-new-${process.pid}-eeeeee`;
	await make(living, 9 * day);
	const workedIn = `guest-new-${ended.pid}-ffffff`;
	const cwd = path.join(await make(workedIn, 9 * day), 'tree');
	await make('image-0123456789abcdef', 9 * day);
	// It says so when it has begun, and ends with its input.
	const working = spawn(process.execPath, ['-e', 'console.log(1); process.stdin.resume()'], { cwd });
	const isOver = once(working, 'exit');
	t.teardown(async () => {
		working.stdin.end();
		await isOver;
	});
	await once(working.stdout, 'data');

	const made = path.basename(await makeWorkFolder(cache, now));
	t.regex(made, new RegExp(`^guest-new-${process.pid}-\\w{6}$`));
	const left = (await readdir(cache)).sort();
	t.deepEqual(left, [fresh, living, workedIn, made, 'image-0123456789abcdef'].sort());
});
