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
import { startPostgres, type TestPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import { defineCollection } from './store.ts';

const testPostgres = testNeeding('postgresql-15');
let started: TestPostgres | undefined;
const theServer = async (): Promise<TestPostgres> => {
	started ??= await startPostgres();
	return started;
};
test.after.always(() => started?.close());

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

testPostgres(
	'one that has it alone keeps all others out; after it has been away, others may have written',
	async t => {
		const server = await theServer();
		const options = server.options();
		const alone = await openPostgresStore({ ...options, alone: true });
		await alone.transact(tx => tx.put(notes, 'a', note(1)));
		await t.throwsAsync(openPostgresStore({ ...options, alone: true }), { code: 'StoreLocked' });
		await t.throwsAsync(openPostgresStore(options), { code: 'StoreLocked' });
		await server.administer(
			`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'bimetal ${options.schema}'`,
		);
		const other = await openPostgresStore(options);
		await t.throwsAsync(
			alone.read(tx => tx.count(notes)),
			{ code: 'StoreLocked' },
		);
		await other.transact(tx => tx.put(notes, 'b', note(2)));
		await other.close();
		for (let n = 0; n < 2; n++) {
			await t.throwsAsync(
				alone.transact(tx => tx.put(notes, 'c', note(3))),
				{ code: 'StoreLocked', message: /start this one again/ },
			);
		}
		await alone.close();
	},
);

testPostgres('those who write to it are told of what others wrote, before they look', async t => {
	const server = await theServer();
	const options = server.options();
	const [one, two] = [await openPostgresStore(options), await openPostgresStore(options)];
	let told = 0;
	one.onOthersWrote?.(() => told++);
	await one.transact(tx => tx.put(notes, 'a', note(1)));
	const own = told;
	await one.transact(tx => tx.put(notes, 'a', note(2)));
	await one.read(tx => tx.count(notes));
	await two.read(tx => tx.count(notes));
	await two.transact(async () => undefined);
	await one.read(tx => tx.count(notes));
	t.is(told, own, 'nobody else has written');
	await two.transact(tx => tx.delete(notes, 'a'));
	await one.read(async () => t.is(told, own + 1));
	await two.transact(tx => tx.put(notes, 'b', note(3)));
	await one.transact(async () => t.is(told, own + 2));
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
		await server.administer(`UPDATE "${options.schema}".head SET version = 2`);
		await t.throwsAsync(openPostgresStore(options), {
			code: 'StoreUnsupported',
			message: /version 2 is newer/,
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
