import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { type Note, notes } from './contract.ts';
import { openSqliteStore } from './sqlite-store.ts';

const note: Note = { text: 'x', n: 1, colour: 'red' };

async function inFolder(body: (file: string, folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-sqlite-'));
	try {
		await body(join(folder, 'store.db'), folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

async function makeStore(file: string): Promise<void> {
	const store = await openSqliteStore({ file });
	await store.transact(tx => tx.put(notes, 'a', note));
	await store.close();
}

function alter(file: string, sql: string): void {
	const db = new DatabaseSync(file);
	db.exec(sql);
	db.close();
}

test('a newer version is refused and left as it is', async t => {
	await inFolder(async file => {
		await makeStore(file);
		alter(file, 'PRAGMA user_version = 2');
		await t.throwsAsync(openSqliteStore({ file }), { code: 'StoreUnsupported' });
		alter(file, 'PRAGMA user_version = 1');
		const store = await openSqliteStore({ file });
		t.is(await store.read(tx => tx.count(notes)), 1);
		await store.close();
	});
});

test("another program's database is refused", async t => {
	await inFolder(async file => {
		alter(file, 'CREATE TABLE theirs (x)');
		await t.throwsAsync(openSqliteStore({ file }), { code: 'StoreCorrupt' });
	});
});

test('what is no database is refused and left as it is', async t => {
	await inFolder(async file => {
		await writeFile(file, 'not a database, but long enough to have a header of a hundred bytes '.repeat(9));
		const before = await readFile(file);
		await t.throwsAsync(openSqliteStore({ file }), { code: 'StoreCorrupt' });
		t.deepEqual(await readFile(file), before);
	});
});

test('a page that was overwritten is found when it is read', async t => {
	await inFolder(async file => {
		await makeStore(file);
		const bytes = await readFile(file);
		bytes.fill(0x5a, 4096);
		await writeFile(file, bytes);
		await t.throwsAsync(
			openSqliteStore({ file }).then(store => store.read(tx => tx.list(notes)).finally(() => store.close())),
			{ code: 'StoreCorrupt' },
		);
	});
});

test('all its files are for their owner alone', async t => {
	await inFolder(async (file, folder) => {
		await writeFile(file, '');
		await chmod(file, 0o666);
		const store = await openSqliteStore({ file });
		await store.transact(tx => tx.put(notes, 'a', note));
		const names = await readdir(folder);
		t.true(names.includes('store.db-wal'));
		for (const name of names) t.is((await stat(join(folder, name))).mode & 0o777, 0o600, name);
		await store.close();
	});
});

test('when the disk is full, the commit rejects and leaves nothing, and later ones can succeed', async t => {
	await inFolder(async file => {
		await makeStore(file);
		const big = { ...note, text: 'x'.repeat(200_000) };
		// The limit of pages is not stored in the file; a full disk shows itself with the same result code.
		const store = await openSqliteStore({ file, largestSize: 64 * 4096 });
		const outcomes = await Promise.allSettled([
			store.transact(tx => tx.put(notes, 'b', note)),
			store.transact(async tx => {
				await tx.put(notes, 'c', big);
				await tx.put(notes, 'd', big).catch(() => {});
			}),
		]);
		t.is(outcomes[1].status === 'rejected' && outcomes[1].reason.code, 'StoreFailed');
		const red = await store.read(tx => tx.list(notes, { where: { index: 'colour', equals: 'red' } }));
		const made = outcomes[0].status === 'fulfilled' ? ['a', 'b'] : ['a'];
		t.deepEqual(
			red.map(({ id }) => id),
			made,
		);
		await store.transact(tx => tx.put(notes, 'e', note));
		t.is(await store.read(tx => tx.count(notes)), made.length + 1);
		await store.close();
	});
});

test('paging and indexes do not look at what they pass over', async t => {
	await inFolder(async file => {
		await makeStore(file);
		const db = new DatabaseSync(file);
		const plan = (sql: string) =>
			db
				.prepare(`EXPLAIN QUERY PLAN ${sql}`)
				.all()
				.map(row => String(row.detail));
		const plans = [
			...plan("SELECT id, document FROM documents WHERE collection = 'c' AND id > 'i' ORDER BY id LIMIT 9"),
			...plan(
				`SELECT e.id, d.document FROM index_entries e CROSS JOIN documents d
					ON d.collection = e.collection AND d.id = e.id
					WHERE e.collection = 'c' AND e.name = 'n' AND e.value = 'v' AND e.id > 'i' ORDER BY e.id LIMIT 9`,
			),
			...plan("DELETE FROM index_entries WHERE collection = 'c' AND id = 'i'"),
		];
		db.close();
		t.true(plans.length >= 4);
		t.deepEqual(
			plans.filter(detail => !detail.startsWith('SEARCH')),
			[],
		);
	});
});
