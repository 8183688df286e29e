import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { z } from 'zod';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { systemClock } from '../clock.ts';
import { createAuthority, issueServerCertificate } from '../identity/site-ca.ts';
import { type Note, notes } from './contract.ts';
import { connectPostgres } from './postgres-connection.ts';
import { openLink } from './postgres-link.fixture.ts';
import { sharedPostgres, startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import { defineCollection, type Store } from './store.ts';

const testPostgres = testNeeding('postgresql-15');
const theServer = sharedPostgres(test);

const note = (n: number): Note => ({ text: `note ${n}`, n, colour: 'red' });

testPostgres(
	'writes that somebody else makes beside it are met: the transaction is run again, a few times',
	async t => {
		const server = await theServer();
		const options = server.options();
		const store = await openPostgresStore(options);
		await store.transact(tx => tx.put(notes, 'a', note(0)));
		// As by hand: without the lock by which stores take turns.
		const interfere = (n: number) =>
			server.administer(`UPDATE "${options.schema}".documents
			SET document = replace(document, '"n":${n}', '"n":${n + 1}') WHERE collection = 'notes'`);
		let runs = 0;
		const increment = (times: number) =>
			store.transact(async tx => {
				const { n } = (await tx.get(notes, 'a')) as Note;
				if (++runs <= times) await interfere(n);
				await tx.put(notes, 'a', note(n + 10));
			});
		await increment(2);
		t.is(runs, 3);
		t.is((await store.read(tx => tx.get(notes, 'a')))?.n, 12);
		runs = 0;
		await t.throwsAsync(increment(Number.POSITIVE_INFINITY), { code: 'StoreFailed', message: /serialize/ });
		t.is(runs, 5);
		t.is((await store.read(tx => tx.get(notes, 'a')))?.n, 17);
		await store.close();
	},
);

testPostgres('an older version that has the store alone keeps others out, and is kept out', async t => {
	const server = await theServer();
	const options = server.options();
	const lock = `SELECT pg_try_advisory_lock(hashtextextended('bimetal ${options.schema}', 0)) AS held`;
	const older = await connectPostgres(options);
	const held = z.object({ held: z.boolean() });
	t.deepEqual(await older.batch(lock, held), [{ held: true }]);
	await t.throwsAsync(openPostgresStore(options), { code: 'StoreLocked' });
	await older.run('SELECT pg_advisory_unlock_all()');
	const store = await openPostgresStore(options);
	t.deepEqual(await older.batch(lock, held), [{ held: false }]);
	await older.end();
	await store.close();
});

testPostgres('tables of the first version are brought up to this one', async t => {
	const server = await theServer();
	const options = server.options();
	const before = await openPostgresStore(options);
	await before.transact(tx => tx.put(notes, 'a', note(1)));
	await before.close();
	await server.administer(
		`DROP TABLE "${options.schema}".commits; UPDATE "${options.schema}".head SET version = 1`,
	);
	const after = await openPostgresStore(options);
	await after.transact(tx => tx.put(notes, 'b', note(2)));
	t.is(await after.read(tx => tx.count(notes)), 2);
	await after.close();
});

testPostgres('processes that were told otherwise do not have a store open at once', async t => {
	const server = await theServer();
	const options = server.options();
	const open = () => openPostgresStore(options);
	const [one, two, three] = [await open(), await open(), await open()];
	t.true(await one.others?.agree('settings', 'a'));
	t.true(await two.others?.agree('settings', 'a'));
	t.false(await three.others?.agree('settings', 'b'));
	t.true(await three.others?.agree('another topic', 'b'));
	const elsewhere = await openPostgresStore(server.options());
	t.true(await elsewhere.others?.agree('settings', 'b'));
	await elsewhere.close();
	await one.close();
	t.false(await three.others?.agree('settings', 'b'), 'two has it open still');
	// Sessions that were ended are begun anew by the next call, and say the same.
	await server.administer(
		`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'bimetal ${options.schema}'`,
	);
	await two.transact(tx => tx.put(notes, 'a', note(1)));
	t.false(await three.others?.agree('settings', 'b'));
	await two.close();
	t.true(await three.others?.agree('settings', 'b'), 'those who are gone hold nobody up');
	await three.close();
});

testPostgres('one that was cut off while another was told otherwise does nothing more', async t => {
	const server = await theServer();
	const options = server.options();
	const link = await openLink(server.folder);
	const cut = await openPostgresStore({ ...options, host: link.folder });
	t.true(await cut.others?.agree('settings', 'a'));
	link.cut();
	await t.throwsAsync(
		cut.transact(tx => tx.put(notes, 'a', note(1))),
		{ code: 'StoreFailed' },
	);
	const other = await openPostgresStore(options);
	// The server ends a session that was cut when it next looks.
	for (const end = Date.now() + 60_000; !(await other.others?.agree('settings', 'b')); )
		if (Date.now() > end) return t.fail('the session that was cut is still there');
	link.mend();
	const refused = await t.throwsAsync(
		cut.transact(tx => tx.put(notes, 'a', note(1))),
		{ code: 'StoreLocked' },
	);
	t.regex(refused?.message ?? '', /told otherwise of the settings/);
	await other.close();
	await cut.transact(tx => tx.put(notes, 'a', note(1)));
	t.is(await cut.read(tx => tx.count(notes)), 1);
	await cut.close();
	await link.close();
});

/** What a store tells of others' writes, one entry for each time. */
function followedBy(store: Store): (readonly string[] | 'unknown')[] {
	const told: (readonly string[] | 'unknown')[] = [];
	store.others?.follow([notes], written => {
		const texts =
			written === 'unknown'
				? written
				: written.map(
						({ id, document }) => `${id} ${document === undefined ? 'gone' : (document as Note).n}`,
					);
		told.push(texts === 'unknown' ? texts : texts.sort());
	});
	return told;
}

testPostgres('those who keep something in memory are told what others wrote, before they look', async t => {
	const server = await theServer();
	const options = server.options();
	const [one, two] = [await openPostgresStore(options), await openPostgresStore(options)];
	const told = followedBy(one);
	const other = defineCollection('others', notes.schema);
	await one.transact(tx => tx.put(notes, 'a', note(1)));
	t.deepEqual(told.splice(0), ['unknown'], 'nobody knows what was there before');
	await one.transact(tx => tx.put(notes, 'a', note(2)));
	await one.read(tx => tx.count(notes));
	await two.read(tx => tx.count(notes));
	await two.transact(async () => undefined);
	await one.read(tx => tx.count(notes));
	t.deepEqual(told, [], 'nobody else has written');
	await two.transact(tx => tx.put(notes, 'b', note(3)));
	await two.transact(async tx => {
		await tx.put(other, 'x', note(9));
		await tx.delete(notes, 'a');
		await tx.put(notes, 'b', note(4));
	});
	const failed = two.transact(async tx => {
		await tx.put(notes, 'c', note(5));
		throw new Error('it comes to nothing');
	});
	await t.throwsAsync(failed);
	await one.read(async () => t.deepEqual(told.splice(0), [['a gone', 'b 4']]));
	await two.transact(tx => tx.put(notes, 'c', note(6)));
	await one.transact(async tx => {
		t.deepEqual(told.splice(0), [['c 6']]);
		await tx.put(notes, 'd', note(7));
	});
	await two.transact(tx => tx.put(other, 'y', note(8)));
	await one.read(async () => t.deepEqual(told.splice(0), [[]]));
	await one.close();
	await two.close();
});

testPostgres('what is not kept of the commits, or is too much, is said to be unknown', async t => {
	const server = await theServer();
	const options = server.options();
	const [one, two] = [await openPostgresStore(options), await openPostgresStore(options)];
	const told = followedBy(one);
	await one.read(async () => told.splice(0));
	await two.transact(tx => tx.put(notes, 'a', note(1)));
	await two.transact(tx => tx.put(notes, 'b', note(2)));
	await server.administer(
		`DELETE FROM "${options.schema}".commits WHERE generation = (SELECT min(generation) FROM "${options.schema}".commits)`,
	);
	await one.read(async () => t.deepEqual(told.splice(0), ['unknown']));
	await two.transact(tx => tx.put(notes, 'c', note(3)));
	await server.administer(`UPDATE "${options.schema}".commits SET collections = NULL, ids = NULL`);
	await one.read(async () => t.deepEqual(told.splice(0), ['unknown']));
	await two.transact(tx => tx.put(notes, 'd', note(4)));
	await one.read(async () => t.deepEqual(told.splice(0), [['d 4']]));
	await one.close();
	await two.close();
});

testPostgres('two versions of a program with other indexes each find what the other wrote', async t => {
	const server = await theServer();
	const options = server.options();
	const [one, two] = [await openPostgresStore(options), await openPostgresStore(options)];
	const byParity = defineCollection<Note>('notes', notes.schema, { parity: n => (n.n % 2 ? 'odd' : 'even') });
	for (let n = 0; n < 4; n++) {
		await one.transact(tx => tx.put(notes, `one-${n}`, note(n)));
		await two.transact(tx => tx.put(byParity, `two-${n}`, note(n)));
		t.is(await one.read(tx => tx.count(notes, { index: 'colour', equals: 'red' })), 2 * n + 2);
		t.is(
			await two.read(tx => tx.count(byParity, { index: 'parity', equals: 'even' })),
			2 * Math.floor(n / 2) + 2,
		);
	}
	await one.close();
	await two.close();
});

testPostgres('the longest ids and values of indexes have room', async t => {
	const server = await theServer();
	const store = await openPostgresStore(server.options());
	const marked = defineCollection('marked', z.strictObject({ mark: z.string() }), { mark: d => d.mark });
	// Nothing in it that could be compressed.
	const mark = Array.from({ length: 5000 }, (_, n) =>
		String.fromCodePoint(0x4e00 + ((n * n * 31) % 20_000)),
	).join('');
	const id = mark.slice(0, 1024);
	await store.transact(tx => tx.put(marked, id, { mark }));
	const where = { index: 'mark', equals: mark };
	t.deepEqual(await store.read(tx => tx.list(marked, { where })), [{ id, document: { mark } }]);
	await store.close();
});

testPostgres(
	"newer versions, others' tables and wrong passwords are refused, and it is said why",
	async t => {
		const server = await theServer();
		const options = server.options();
		await (await openPostgresStore(options)).close();
		await server.administer(`UPDATE "${options.schema}".head SET version = 3`);
		await t.throwsAsync(openPostgresStore(options), {
			code: 'StoreUnsupported',
			message: /version 3 is newer/,
		});
		await server.administer('CREATE SCHEMA theirs; CREATE TABLE theirs.things (x int)');
		await t.throwsAsync(openPostgresStore(server.options('theirs')), {
			code: 'StoreCorrupt',
			message: /another program's tables/,
		});
		const password = join(server.folder, 'wrong');
		await writeFile(password, 'hunter2\n', { mode: 0o600 });
		const wrong = await t.throwsAsync(openPostgresStore({ ...options, password }), { code: 'StoreFailed' });
		t.regex(wrong?.message ?? '', /password authentication failed/);
		t.notRegex(String(wrong?.stack), /hunter2/);
		const { password: _, ...without } = options;
		await t.throwsAsync(openPostgresStore(without), { code: 'StoreFailed', message: /wants a password/ });
	},
);

testPostgres('look-ups go by keys, whatever the planner knows of the tables', async t => {
	const server = await theServer();
	const options = server.options();
	const store = await openPostgresStore(options);
	await store.transact(tx => tx.put(notes, 'a', note(1)));
	const connection = await connectPostgres(options);
	const plan = async (sql: string) => {
		const rows = await connection.batch(`EXPLAIN ${sql}`, z.object({ 'QUERY PLAN': z.string() }));
		return rows.map(row => row['QUERY PLAN']).join('\n');
	};
	const plans = [
		await plan(
			"SELECT id, document FROM documents WHERE collection = 'c' AND id > '\\x00' ORDER BY id LIMIT 9",
		),
		await plan(`SELECT e.id, (SELECT d.document FROM documents d WHERE d.collection = e.collection AND d.id = e.id)
			FROM index_entries e WHERE e.collection = 'c' AND e.name = 'n' AND e.value = '\\x00' AND e.id > '\\x00'
			ORDER BY e.id LIMIT 9`),
		await plan("DELETE FROM index_entries WHERE collection = 'c' AND id = '\\x00'"),
	];
	for (const each of plans) {
		t.regex(each, /Index (Only )?Scan/);
		t.notRegex(each, /Seq Scan|Sort|Bitmap/);
	}
	await connection.end();
	await store.close();
});

testPostgres('what pg_dump took while it was open is a store again elsewhere', async t => {
	const server = await theServer();
	const options = server.options();
	const store = await openPostgresStore(options);
	await store.transact(tx => tx.put(notes, 'a', note(1)));
	const { host, port, user, database, schema } = options;
	const login = join(server.folder, 'pgpass');
	const password = (await readFile(options.password ?? '', 'utf8')).trim();
	await writeFile(login, `*:*:*:${user}:${password}\n`, { mode: 0o600 });
	const call = (program: string, ...args: string[]) =>
		promisify(execFile)(program, ['-h', host, '-p', String(port), '-U', user, ...args], {
			env: { ...process.env, PGPASSFILE: login },
			timeout: 60_000,
		});
	const dump = join(server.folder, 'market.dump');
	await call('pg_dump', '--format=custom', `--schema=${schema}`, `--file=${dump}`, database);
	await store.transact(tx => tx.put(notes, 'later', note(2)));
	await server.administer('CREATE DATABASE copy');
	await call('pg_restore', '--dbname=copy', dump);
	const copy = await openPostgresStore({ ...options, database: 'copy' });
	const red = { index: 'colour', equals: 'red' };
	t.deepEqual(await copy.read(tx => tx.list(notes, { where: red })), [{ id: 'a', document: note(1) }]);
	await copy.transact(tx => tx.put(notes, 'b', note(3)));
	t.is(await copy.read(tx => tx.count(notes)), 2);
	await copy.close();
	await store.close();
});

testPostgres('over TLS, the server must be the one that its certificate names', async t => {
	const [ours, theirs] = await Promise.all(
		['ours', 'theirs'].map(name => createAuthority({ name, clock: systemClock })),
	);
	if (!ours || !theirs) return t.fail();
	const { certificatePem, keyPem } = await issueServerCertificate({
		authority: ours,
		names: [],
		addresses: ['127.0.0.1'],
		clock: systemClock,
	});
	const server = await startPostgres({ port: await freePort(), certificatePem, keyPem });
	t.teardown(() => server.close());
	const [ca, other] = [join(server.folder, 'ca.pem'), join(server.folder, 'other.pem')];
	await writeFile(ca, ours.certificatePem);
	await writeFile(other, theirs.certificatePem);
	const options = { ...server.options(), host: '127.0.0.1' };
	const store = await openPostgresStore({ ...options, ca });
	await store.transact(tx => tx.put(notes, 'a', note(1)));
	t.is(await store.read(tx => tx.count(notes)), 1);
	await store.close();
	await t.throwsAsync(openPostgresStore({ ...options, ca: other }), {
		code: 'StoreFailed',
		message: /certificate/,
	});
	await t.throwsAsync(openPostgresStore({ ...options, ca, host: 'localhost' }), {
		code: 'StoreFailed',
		message: /altnames/,
	});
	await t.throwsAsync(openPostgresStore(options), { code: 'StoreFailed', message: /no encryption/ });
});

async function freePort(): Promise<number> {
	const probe = createServer().listen(0, '127.0.0.1');
	await once(probe, 'listening');
	const { port } = probe.address() as AddressInfo;
	probe.close();
	await once(probe, 'close');
	return port;
}
