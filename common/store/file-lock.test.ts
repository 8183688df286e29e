import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FakeClock } from '../clock.ts';
import { lockFile } from './file-lock.ts';

const clock = new FakeClock();

async function withLockPath(body: (path: string, folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-lock-'));
	try {
		await body(join(folder, 'it.lock'), folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

test('one holder at a time; released, it leaves nothing', async t => {
	await withLockPath(async (path, folder) => {
		const results = await Promise.all(Array.from({ length: 8 }, () => lockFile(path, clock)));
		const held = results.filter(result => result.locked);
		t.is(held.length, 1);
		t.deepEqual(
			results.find(result => !result.locked),
			{ locked: false, holder: `process ${process.pid} since 2026-01-01T00:00:00.000Z` },
		);
		await held[0]?.release();
		t.deepEqual(await readdir(folder), []);
		t.true((await lockFile(path, clock)).locked);
	});
});

const deadHolders = {
	'a reused pid': { started: '1' },
	'an earlier boot': { boot: 'another', started: null },
	'a pid that nobody has': { pid: 2 ** 30, started: null },
};
for (const [title, difference] of Object.entries(deadHolders)) {
	test(`the lock of a dead process is taken over, by one only: ${title}`, async t => {
		await withLockPath(async (path, folder) => {
			await lockFile(path, clock);
			const left = { ...JSON.parse(await readFile(path, 'utf8')), ...difference, token: 'left' };
			await writeFile(path, JSON.stringify(left));
			// Its last act was to die while taking over from another.
			await writeFile(`${path}.takeover`, JSON.stringify(left));
			const results = await Promise.all(Array.from({ length: 8 }, () => lockFile(path, clock)));
			t.is(results.filter(result => result.locked).length, 1);
			t.deepEqual(await readdir(folder), ['it.lock']);
		});
	});
}

test('a lock that was never written whole counts as dead', async t => {
	await withLockPath(async path => {
		await writeFile(path, '{"pid":');
		t.true((await lockFile(path, clock)).locked);
	});
});

test('who lost its lock does not release the lock of another', async t => {
	await withLockPath(async path => {
		const first = await lockFile(path, clock);
		await rm(path);
		t.true((await lockFile(path, clock)).locked);
		if (first.locked) await first.release();
		t.false((await lockFile(path, clock)).locked);
	});
});
