import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { type Entry, pack, unpack } from './entries.ts';

async function* of<T>(...items: T[]): AsyncGenerator<T> {
	yield* items;
}
const entry = (name: string, text: string, more: Partial<Entry> = {}): Entry => ({
	path: name,
	mode: 0o600,
	size: Buffer.byteLength(text),
	bytes: () => of(Buffer.from(text)),
	...more,
});
async function packed(...entries: Entry[]): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for await (const part of pack(of(...entries))) parts.push(part);
	return Buffer.concat(parts);
}
async function folderFor(t: { teardown(fn: () => unknown): void }): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-entries-'));
	t.teardown(() => rm(folder, { recursive: true }));
	await mkdir(path.join(folder, 'to'));
	return path.join(folder, 'to');
}

test('files come out as they went in, with their modes', async t => {
	const folder = await folderFor(t);
	const bytes = await packed(
		entry('a', 'one'),
		entry('deep/er/b', ''),
		entry('run', '#!', { mode: 0o700 }),
		entry('log', 'grown meanwhile', { size: 5 }),
	);
	const single = Array.from(bytes, byte => Buffer.of(byte));
	t.deepEqual(await unpack(of(...single), folder), ['a', 'deep/er/b', 'run', 'log']);
	t.is(await readFile(path.join(folder, 'a'), 'utf8'), 'one');
	t.is(await readFile(path.join(folder, 'log'), 'utf8'), 'grown');
	t.is((await stat(path.join(folder, 'run'))).mode & 0o777, 0o700);
	t.is((await stat(path.join(folder, 'deep'))).mode & 0o777, 0o700);
});

test('nothing is written outside the folder, nor over another file', async t => {
	const folder = await folderFor(t);
	for (const name of [
		'../evil',
		'/etc/evil',
		'a/../../evil',
		'a//b',
		'.',
		'..',
		'',
		'a/',
		'a\\..\\b',
		'a\0b',
	]) {
		await t.throwsAsync(
			unpack(of(await packed(entry(name, 'x'))), folder),
			{ code: 'BackupUnreadable' },
			name,
		);
	}
	await t.throwsAsync(unpack(of(await packed(entry('twice', '1'), entry('twice', '2'))), folder), {
		code: 'EEXIST',
	});
});

test('a stream that ends too early, or goes on, is refused; a file that became shorter is not backed up', async t => {
	const folder = await folderFor(t);
	const bytes = await packed(entry('a', 'one'), entry('b', 'two'));
	for (let cut = 0; cut < bytes.length; cut++) {
		const into = path.join(folder, String(cut));
		await mkdir(into);
		await t.throwsAsync(
			unpack(of(bytes.subarray(0, cut)), into),
			{ code: 'BackupUnreadable' },
			`cut at ${cut}`,
		);
	}
	await t.throwsAsync(unpack(of(bytes, Buffer.of(0)), folder), { code: 'BackupUnreadable' });
	await t.throwsAsync(packed(entry('a', 'short', { size: 100 })), { message: /became shorter/ });
});
