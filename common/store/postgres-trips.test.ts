// How often a store in PostgreSQL asks the server, and what it writes without having looked.
import test from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { type Note, notes } from './contract.ts';
import { type Link, openLink } from './postgres-link.fixture.ts';
import { sharedPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store, Transaction } from './store.ts';

const testPostgres = testNeeding('postgresql-15');
const theServer = sharedPostgres(test);
const note = (n: number): Note => ({ text: `note ${n}`, n, colour: 'red' });
const red = { index: 'colour', equals: 'red' };

async function overLink(
	body: (store: Store, tripsOf: TripsOf, direct: Store) => Promise<void>,
): Promise<void> {
	const server = await theServer();
	const options = server.options();
	const link = await openLink(server.folder);
	const store = await openPostgresStore({ ...options, host: link.folder });
	const direct = await openPostgresStore(options);
	try {
		await store.transact(tx => tx.put(notes, 'counter', note(0)));
		await store.transact(tx => tx.put(notes, 'other', note(0)));
		await body(store, tripsOf(link), direct);
	} finally {
		await store.close();
		await direct.close();
		await link.close();
	}
}

type TripsOf = (work: () => Promise<unknown>) => Promise<number>;
const tripsOf =
	(link: Link): TripsOf =>
	async work => {
		const { trips } = link.asked;
		await work();
		return link.asked.trips - trips;
	};

/** As each bid does: looks something up, counts, and inserts. */
async function count(tx: Transaction, id: string): Promise<void> {
	await tx.list(notes, { where: { index: 'colour', equals: `as ${id}` }, limit: 1 });
	for (const each of ['counter', 'other']) {
		const { n } = (await tx.get(notes, each)) as Note;
		await tx.put(notes, each, note(n + 1));
	}
	await tx.insert(notes, id, note(1));
}

testPostgres('what is written goes at once, what is always read comes with the beginning', t =>
	overLink(async (store, trips) => {
		for (let n = 0; n < 3; n++) await store.transact(tx => count(tx, `before-${n}`));
		// It begins, looks one thing up, writes, commits.
		t.is(await trips(() => store.transact(tx => count(tx, 'one'))), 4);
		const all = Array.from({ length: 50 }, (_, n) => `at-once-${n}`);
		// The first one goes alone, or with some of the others.
		t.true(
			(await trips(() => Promise.all(all.map(id => store.transact(tx => count(tx, id)))))) <= 50 + 2 * 3,
		);
		const many = Array.from({ length: 100 }, (_, n) => `many-${String(n).padStart(4, '0')}`);
		const insertAll = (tx: Transaction) => Promise.all(many.map(id => tx.insert(notes, id, note(2))));
		t.is(await trips(() => store.transact(insertAll)), 3);
		const lookAgain = (tx: Transaction) =>
			tx.list(notes, { where: red }).then(() => Promise.all(many.map(id => tx.get(notes, id))));
		t.is(await trips(() => store.transact(lookAgain)), 3);
		t.is((await store.read(tx => tx.get(notes, 'counter')))?.n, 54);
		t.is(await store.read(tx => tx.count(notes, red)), 56 + 100);
		// The end of the reading before goes together with the beginning of this one.
		t.is(await trips(() => store.read(tx => Promise.all(many.map(id => tx.get(notes, id))))), 2);
	}),
);

testPostgres('an id that is taken after all is found before anything counts, by those it concerns', t =>
	overLink(async (store, _, direct) => {
		await direct.transact(tx => tx.put(notes, 'taken', note(9)));
		const runs: string[] = [];
		const act = (name: string, work: (tx: Transaction) => Promise<unknown>) =>
			store.transact(async tx => {
				runs.push(name);
				return work(tx);
			});
		const outcomes = await Promise.allSettled([
			act('beside', tx => tx.put(notes, 'beside', note(1))),
			act('insert', tx => tx.insert(notes, 'taken', note(2))),
			// Neither of these writes it: both would have gone another way had they known.
			act('undone', async tx => {
				await tx.insert(notes, 'taken', note(3));
				throw new RangeError('changed its mind');
			}),
			act('deleted', async tx => {
				await tx.insert(notes, 'taken', note(4));
				await tx.delete(notes, 'taken');
			}),
			act('caught', async tx => {
				await tx.insert(notes, 'taken', note(5)).catch(() => tx.put(notes, 'caught', note(5)));
			}),
		]);
		t.deepEqual(
			outcomes.map(each => (each.status === 'rejected' ? each.reason.code : each.status)),
			['fulfilled', 'StoreConflict', 'StoreConflict', 'StoreConflict', 'fulfilled'],
		);
		t.true(runs.filter(name => name === 'insert').length <= 2);
		t.deepEqual(
			(await direct.read(tx => tx.list(notes))).map(({ id, document }) => [id, document.n]),
			[
				['beside', 1],
				['caught', 5],
				['counter', 0],
				['other', 0],
				['taken', 9],
			],
		);
	}),
);

testPostgres('what was read with the beginning is what another process has written since', t =>
	overLink(async (store, _, direct) => {
		for (let n = 0; n < 20; n++) {
			const from = n % 3 === 0 ? direct : store;
			await from.transact(async tx => {
				const { n: before } = (await tx.get(notes, 'counter')) as Note;
				await tx.put(notes, 'counter', note(before + 1));
			});
			if (n % 4 === 3) await direct.transact(tx => tx.delete(notes, 'other'));
			t.is((await store.transact(tx => tx.get(notes, 'other'))) === undefined, n >= 3);
		}
		t.is((await direct.read(tx => tx.get(notes, 'counter')))?.n, 20);
	}),
);
