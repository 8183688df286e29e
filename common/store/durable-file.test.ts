import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { makeFolderDurably, removeUnfinishedWrites, writeFileDurably } from './durable-file.ts';

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-durable-'));
	try {
		await body(folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

test('a file is replaced with the mode asked for, and nothing is left beside it', async t => {
	await inFolder(async folder => {
		const path = join(folder, 'key.pem');
		await writeFileDurably(path, 'one');
		t.is((await stat(path)).mode & 0o777, 0o600);
		await writeFileDurably(path, new Uint8Array([50]), 0o666);
		t.is((await stat(path)).mode & 0o777, 0o666);
		t.is(await readFile(path, 'utf8'), '2');
		t.deepEqual(await readdir(folder), ['key.pem']);
	});
});

test('a write that fails leaves the old file and no temporary one', async t => {
	await inFolder(async folder => {
		const taken = join(folder, 'taken');
		await makeFolderDurably(join(taken, 'inner'));
		// A folder cannot be replaced by a file: the rename fails.
		await t.throwsAsync(writeFileDurably(taken, 'x'));
		t.deepEqual(await readdir(folder), ['taken']);
	});
});

test('only what unfinished writes of the same file left is removed', async t => {
	await inFolder(async folder => {
		for (const name of ['.a.0123.tmp', '.b.0123.tmp', 'a.tmp', 'a']) await writeFile(join(folder, name), '');
		await removeUnfinishedWrites(join(folder, 'a'));
		t.deepEqual((await readdir(folder)).sort(), ['.b.0123.tmp', 'a', 'a.tmp']);
	});
});

test('folders are made for the owner alone', async t => {
	await inFolder(async folder => {
		await makeFolderDurably(join(folder, 'a', 'b'));
		await makeFolderDurably(join(folder, 'a', 'b'));
		t.is((await stat(join(folder, 'a', 'b'))).mode & 0o777, 0o700);
		t.is((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
	});
});
