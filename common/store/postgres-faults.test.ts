// What becomes of transactions when the server, or the way to it, is lost in the middle of them.
import test from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { type Note, notes } from './contract.ts';
import { written } from './kill-collection.fixture.ts';
import { random } from './killed-process.fixture.ts';
import { type Link, openLink } from './postgres-link.fixture.ts';
import { sharedPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store } from './store.ts';

const testPostgres = testNeeding('postgresql-15');
const theServer = sharedPostgres(test);

const note = (n: number): Note => ({ text: `note ${n}`, n, colour: 'red' });
const put = (store: Store, id: string) => store.transact(tx => tx.put(notes, id, note(1)));
const idsOf = async (store: Store): Promise<string[]> =>
	(await store.read(tx => tx.list(notes, { where: { index: 'colour', equals: 'red' } }))).map(({ id }) => id);

testPostgres('a transaction that the server does not live through is refused and leaves nothing', async t => {
	const server = await theServer();
	const store = await openPostgresStore(server.options());
	await put(store, 'before');
	const crashed = store.transact(async tx => {
		await tx.put(notes, 'during', note(2));
		await server.crash();
		await tx.put(notes, 'after', note(3)).catch(() => undefined);
	});
	await t.throwsAsync(crashed, { code: 'StoreFailed' });
	await t.throwsAsync(put(store, 'away'), { code: 'StoreFailed' });
	await t.throwsAsync(idsOf(store), { code: 'StoreFailed' });
	await server.start();
	t.deepEqual(await idsOf(store), ['before']);
	await put(store, 'later');
	t.deepEqual(await idsOf(store), ['before', 'later']);
	await store.close();
});

testPostgres('a session that was ended while nothing was under way is begun anew, unnoticed', async t => {
	const server = await theServer();
	const options = server.options();
	const store = await openPostgresStore(options);
	const end = () =>
		server.administer(
			`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'bimetal ${options.schema}'`,
		);
	await put(store, 'a');
	await end();
	await put(store, 'b');
	await end();
	t.deepEqual(await idsOf(store), ['a', 'b']);
	await store.close();
});

testPostgres('what is acknowledged while the server crashes again and again is there, whole', async t => {
	const server = await theServer();
	const options = server.options();
	const next = random(20261122);
	const acknowledged = new Set<string>();
	const unknown = new Set<string>();
	for (let round = 0; round < 3; round++) {
		const stores = await Promise.all([openPostgresStore(options), openPostgresStore(options)]);
		let isOver = false;
		const enough = acknowledged.size + 5 + Math.floor(next() * 40);
		let reached = (): void => undefined;
		const isEnough = new Promise<void>(resolve => {
			reached = resolve;
		});
		const writers = stores.flatMap((store, s) =>
			[0, 1, 2].map(async writer => {
				for (let n = 0; !isOver; n++) {
					const id = `${round}-${s}-${writer}-${n}`;
					try {
						await store.transact(async tx => {
							await tx.put(written, id, { n, half: 'first' });
							await tx.put(written, `${id}-twin`, { n, half: 'second' });
						});
						acknowledged.add(id);
						if (acknowledged.size >= enough) reached();
					} catch (error) {
						if ((error as { code?: string }).code === 'StoreUncertain') unknown.add(id);
						return;
					}
				}
			}),
		);
		await isEnough;
		await server.crash();
		await Promise.all(writers);
		isOver = true;
		await server.start();
		const all = await stores[0].read(tx => tx.list(written));
		const ids = new Set(all.map(({ id }) => id));
		const firsts = [...ids].filter(id => !id.endsWith('-twin'));
		t.deepEqual(
			[...acknowledged].filter(id => !ids.has(id)),
			[],
		);
		t.deepEqual(
			firsts.filter(id => !ids.has(`${id}-twin`)),
			[],
		);
		// What is there was acknowledged, or is said to be unknown.
		t.deepEqual(
			firsts.filter(id => !acknowledged.has(id) && !unknown.has(id)),
			[],
		);
		t.is(await stores[1].read(tx => tx.count(written, { index: 'half', equals: 'first' })), firsts.length);
		for (const store of stores) await store.close();
	}
});

async function overLink(body: (store: Store, link: Link, direct: Store) => Promise<void>): Promise<void> {
	const server = await theServer();
	const options = server.options();
	const link = await openLink(server.folder);
	const store = await openPostgresStore({ ...options, host: link.folder });
	const direct = await openPostgresStore(options);
	try {
		await put(store, 'first');
		await body(store, link, direct);
	} finally {
		await store.close();
		await direct.close();
		await link.close();
	}
}

testPostgres('a commit whose answer was lost is looked up: it was made', t =>
	overLink(async (store, link, direct) => {
		link.commit = 'unheard';
		await t.notThrowsAsync(put(store, 'a'));
		t.deepEqual(await idsOf(direct), ['a', 'first']);
		await put(store, 'b');
		t.deepEqual(await idsOf(store), ['a', 'b', 'first']);
	}),
);

testPostgres('a commit that never got there is refused, and was not made', t =>
	overLink(async (store, link, direct) => {
		link.commit = 'unsent';
		await t.throwsAsync(put(store, 'a'), { code: 'StoreFailed' });
		t.deepEqual(await idsOf(direct), ['first']);
		await put(store, 'b');
		t.deepEqual(await idsOf(store), ['b', 'first']);
	}),
);

testPostgres('where nobody can look, it is said that nobody knows', t =>
	overLink(async (store, link, direct) => {
		link.commit = 'unheard';
		link.staysBroken = true;
		const refused = await t.throwsAsync(put(store, 'a'), { code: 'StoreUncertain' });
		t.regex(refused?.message ?? '', /not known: look, or ask again with the same key/);
		t.deepEqual(await idsOf(direct), ['a', 'first']);
		await t.throwsAsync(put(store, 'b'), { code: 'StoreFailed' });
	}),
);

testPostgres('who stands still in its turn is put out, and the others go on', async t => {
	const server = await theServer();
	const options = server.options();
	const slow = await openPostgresStore({ ...options, patience: 5000 });
	const other = await openPostgresStore(options);
	let goOn = (): void => undefined;
	const held = new Promise<void>(resolve => {
		goOn = resolve;
	});
	let begun = (): void => undefined;
	const hasBegun = new Promise<void>(resolve => {
		begun = resolve;
	});
	const stuck = slow.transact(async tx => {
		await tx.put(notes, 'slow', note(1));
		begun();
		await held;
		await tx.put(notes, 'slow', note(2));
	});
	await hasBegun;
	await put(other, 'other');
	goOn();
	await t.throwsAsync(stuck, { code: 'StoreFailed' });
	t.deepEqual(await idsOf(slow), ['other']);
	await slow.close();
	await other.close();
});
