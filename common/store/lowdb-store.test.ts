import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Note, notes } from './contract.ts';
import { openLowdbStore } from './lowdb-store.ts';

const note: Note = { text: 'x', n: 1 };

async function inFolder(body: (file: string, folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-lowdb-'));
	try {
		await body(join(folder, 'store.json'), folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

const damaged = {
	'cut short': ['{"format":1,"collections":{', 'StoreCorrupt'],
	empty: ['', 'StoreCorrupt'],
	'something else': ['{"format":1,"collections":{"notes":[]}}', 'StoreCorrupt'],
	'a newer format': ['{"format":2,"anything":true}', 'StoreUnsupported'],
} as const;
for (const [title, [text, code]] of Object.entries(damaged)) {
	test(`a file that is ${title} is refused and left as it is`, async t => {
		await inFolder(async (file, folder) => {
			await writeFile(file, text);
			await t.throwsAsync(openLowdbStore({ file }), { code });
			t.is(await readFile(file, 'utf8'), text);
			t.deepEqual(await readdir(folder), ['store.json']);
		});
	});
}

test('the file is for its owner alone and holds one document a line', async t => {
	await inFolder(async file => {
		const store = await openLowdbStore({ file });
		await store.transact(async tx => {
			await tx.put(notes, 'a', note);
			await tx.put(notes, 'b', note);
		});
		await store.close();
		t.is((await stat(file)).mode & 0o777, 0o600);
		t.is(
			await readFile(file, 'utf8'),
			'{"format":1,"collections":{\n"notes":{\n"a":{"text":"x","n":1},\n"b":{"text":"x","n":1}\n}\n}}\n',
		);
	});
});

test('when the disk refuses, the commit rejects, nothing of it is seen, and later ones can succeed', async t => {
	await inFolder(async file => {
		const store = await openLowdbStore({ file });
		// A folder of that name cannot be replaced by a file.
		await mkdir(file);
		const commits = await Promise.allSettled(
			['a', 'b'].map(id => store.transact(tx => tx.put(notes, id, note))),
		);
		t.deepEqual(
			commits.map(commit => commit.status === 'rejected' && commit.reason.code),
			['StoreFailed', 'StoreFailed'],
		);
		t.is(await store.read(tx => tx.count(notes)), 0);
		await rmdir(file);
		await store.transact(tx => tx.put(notes, 'c', note));
		t.deepEqual(await store.read(tx => tx.list(notes)), [{ id: 'c', document: note }]);
		await store.close();
	});
});

test('a transaction that writes nothing does not touch the disk', async t => {
	await inFolder(async (file, folder) => {
		const store = await openLowdbStore({ file });
		await store.transact(tx => tx.get(notes, 'a'));
		t.deepEqual(await readdir(folder), ['store.json.lock']);
		await store.close();
	});
});
