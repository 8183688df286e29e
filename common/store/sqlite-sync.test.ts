// What SQLite has committed is told only when it is on the disk, and nothing is told after the disk has failed.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { type Note, notes } from './contract.ts';
import { openSqliteStore } from './sqlite-store.ts';

const note: Note = { text: 'x', n: 1, colour: 'red' };

async function inFolder(body: (file: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-sync-'));
	try {
		await body(join(folder, 'store.db'));
	} finally {
		await rm(folder, { recursive: true });
	}
}

const nextTurn = () => new Promise(resolve => setImmediate(resolve));

/** A disk of which each sync ends when, and as, the test says; the first one, as the store is opened, at once. */
function slowDisk() {
	const under: { end(): void; fail(error: Error): void }[] = [];
	let syncs = 0;
	return {
		under,
		count: () => syncs,
		sync: async () => {
			if (++syncs === 1) return;
			await new Promise<void>((end, fail) => under.push({ end, fail }));
		},
		/** Once it is under way. */
		async current() {
			while (under.length === 0) await nextTurn();
			const [first] = under.splice(0);
			return first as (typeof under)[number];
		},
	};
}

test('while the disk is busy nobody is answered, reads included, and the process goes on', async t => {
	await inFolder(async file => {
		const disk = slowDisk();
		const store = await openSqliteStore({ file, sync: disk.sync });
		const told: string[] = [];
		const tell = (what: string) => () => void told.push(what);
		const first = [
			store.transact(tx => tx.put(notes, 'a', note)).then(tell('a')),
			store.transact(() => Promise.reject(new Error('its own'))).catch(tell('refused')),
		];
		const sync = await disk.current();
		const later = [
			store.read(tx => tx.get(notes, 'a')).then(tell('read')),
			store.transact(tx => tx.put(notes, 'b', note)).then(tell('b')),
		];
		for (let turn = 0; turn < 50; turn++) await nextTurn();
		t.deepEqual(told, []);
		sync.end();
		await Promise.all(first);
		(await disk.current()).end();
		await Promise.all(later);
		t.deepEqual(told, ['a', 'refused', 'read', 'b']);
		await store.close();
	});
});

test('what writes nothing is not synced', async t => {
	await inFolder(async file => {
		const disk = slowDisk();
		const store = await openSqliteStore({ file, sync: disk.sync });
		await store.transact(tx => tx.get(notes, 'a'));
		await store.read(tx => tx.get(notes, 'a'));
		t.is(disk.count(), 1);
		await store.close();
	});
});

test('after a sync that failed nothing is told any more, though the disk may be there again', async t => {
	await inFolder(async file => {
		const disk = slowDisk();
		const store = await openSqliteStore({ file, sync: disk.sync });
		const first = store.transact(tx => tx.put(notes, 'a', note));
		const sync = await disk.current();
		const waiting = [
			store.read(tx => tx.get(notes, 'a')),
			store.transact(tx => tx.put(notes, 'b', note)),
			store.snapshot(`${file}.copy`),
		];
		sync.fail(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
		const uncertain = {
			code: 'StoreFailed',
			message: `${file}: EIO: i/o error, fdatasync; the store must be opened again`,
		};
		await t.throwsAsync(first, uncertain);
		for (const each of waiting) await t.throwsAsync<Error>(each, uncertain);
		await t.throwsAsync(
			store.read(tx => tx.get(notes, 'a')),
			uncertain,
		);
		await t.throwsAsync(
			store.transact(tx => tx.put(notes, 'b', note)),
			uncertain,
		);
		t.is(disk.under.length, 0);
		await store.close();

		const again = await openSqliteStore({ file });
		t.is(await again.read(tx => tx.get(notes, 'b')), undefined);
		await again.transact(tx => tx.put(notes, 'b', note));
		await again.close();
	});
});

test('when the log was copied to its places and they cannot be synced, the log is kept, also as the store is closed', async t => {
	await inFolder(async file => {
		const eio = new Error('EIO: i/o error, fdatasync');
		const store = await openSqliteStore({
			file,
			longLog: 60,
			async sync(handle) {
				if ((await handle.stat()).ino === (await stat(file)).ino) throw eio;
			},
		});
		await copyFile(file, `${file}.before`);
		const told: string[] = [];
		const write = async (): Promise<never> => {
			for (let n = 0; ; n++) {
				await store.transact(tx => tx.put(notes, `n${n}`, note));
				told.push(`n${n}`);
			}
		};
		await t.throwsAsync(write(), { code: 'StoreFailed' });
		t.true(told.length > 5);
		await store.close();

		// As a power failure may leave it, or a disk that has lost what it could not write.
		await copyFile(`${file}.before`, file);
		const again = await openSqliteStore({ file });
		const found = await again.read(tx => tx.list(notes));
		t.deepEqual(
			found.map(({ id }) => id),
			told.toSorted(),
		);
		await again.close();
	});
});

test('a log that was put aside as the process died is taken back', async t => {
	await inFolder(async file => {
		const [source, copy] = [`${file}.source`, file];
		const store = await openSqliteStore({ file: source });
		await store.transact(tx => tx.put(notes, 'a', note));
		await copyFile(source, copy);
		await copyFile(`${source}-wal`, `${copy}-wal.kept`);
		await store.close();
		const again = await openSqliteStore({ file: copy });
		t.deepEqual(await again.read(tx => tx.get(notes, 'a')), note);
		await again.close();
	});
});

test('a log that cannot be synced as it is opened is not opened, and the file is free again', async t => {
	await inFolder(async file => {
		const eio = new Error('EIO: i/o error, fdatasync');
		await t.throwsAsync(openSqliteStore({ file, sync: () => Promise.reject(eio) }), {
			code: 'StoreFailed',
			message: `${file}: EIO: i/o error, fdatasync`,
		});
		await (await openSqliteStore({ file })).close();
	});
});

test('the log does not grow for ever', async t => {
	await inFolder(async file => {
		const store = await openSqliteStore({ file });
		const sizes: number[] = [];
		for (let group = 0; group < 30; group++) {
			// 250 KB of UTF-16 each, and other pages each time.
			const writes = Array.from({ length: 16 }, (_, n) =>
				store.transact(tx => tx.put(notes, `${group}-${n}`, { ...note, text: 'y'.repeat(125_000) })),
			);
			await Promise.all(writes);
			sizes.push((await stat(`${file}-wal`)).size);
		}
		// 120 MB have gone through it.
		t.true(Math.max(...sizes) < 24_000_000, String(sizes));
		t.is(await store.read(tx => tx.count(notes)), 480);
		await store.close();
	});
});

test('who opens it a second time in this process does not open it to other processes', async t => {
	await inFolder(async file => {
		const store = await openSqliteStore({ file });
		await t.throwsAsync(openSqliteStore({ file }), { code: 'StoreLocked' });
		const other = `const { DatabaseSync } = require('node:sqlite');
			try { new DatabaseSync(process.argv[1]).exec('BEGIN IMMEDIATE'); console.log('open'); }
			catch (error) { console.log(error.message); }`;
		const { stdout } = await promisify(execFile)(process.execPath, ['-e', other, file]);
		t.is(stdout, 'database is locked\n');
		await store.close();
	});
});
