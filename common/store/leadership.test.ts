// Several processes' stores in one process: who leads, and what an old leader can still do.
import test from 'ava';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { silentLogger } from '../log/logger.ts';
import { type Note, notes } from './contract.ts';
import { type Lead, type Leadership, leadOne } from './leadership.ts';
import { createMemoryStore } from './memory-store.fixture.ts';
import { openLink } from './postgres-link.fixture.ts';
import { sharedPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import type { Store } from './store.ts';

const testPostgres = testNeeding('postgresql-15');
const theServer = sharedPostgres(test);

const note = (n: number): Note => ({ text: `note ${n}`, n, colour: 'red' });

interface Runner {
	readonly leadership: Leadership;
	/** What it leads with, since it leads; undefined while it does not. */
	lead: Lead | undefined;
	/** What has ever been given to it to lead with. */
	readonly leads: Lead[];
}

async function runner(store: Store, role = 'market'): Promise<Runner> {
	const leads: Lead[] = [];
	const made: { lead: Lead | undefined } = { lead: undefined };
	const leadership = await leadOne({
		store,
		role,
		logger: silentLogger,
		async lead(given) {
			leads.push(given);
			made.lead = given;
			return {
				async close() {
					made.lead = undefined;
				},
			};
		},
	});
	return Object.assign(made, { leadership, leads });
}

/** Seconds that a busy machine may take for what takes one. */
async function until(isSo: () => boolean): Promise<void> {
	for (const end = Date.now() + 60_000; !isSo(); ) {
		if (Date.now() > end) throw new Error('it does not come to pass');
		await new Promise(resolve => setTimeout(resolve, 20));
	}
}

test('where a store is one process’ alone, that process leads at once', async t => {
	const store = createMemoryStore();
	const one = await runner(store);
	t.true(one.leadership.isLeading());
	t.is(one.lead?.store, store);
	one.lead?.check();
	await one.leadership.close();
	t.is(one.lead, undefined);
});

testPostgres('one of several leads in each role; when it goes, another one does', async t => {
	const server = await theServer();
	const options = server.options();
	const [a, b] = [await openPostgresStore(options), await openPostgresStore(options)];
	const one = await runner(a);
	t.true(one.leadership.isLeading(), 'it was tried before the promise resolved');
	const two = await runner(b);
	t.false(two.leadership.isLeading());
	const other = await runner(b, 'another-role');
	t.true(other.leadership.isLeading());
	await one.lead?.store.transact(tx => tx.put(notes, 'a', note(1)));
	await one.leadership.close();
	t.false(one.leadership.isLeading());
	await until(() => two.leadership.isLeading());
	t.deepEqual(await two.lead?.store.read(tx => tx.get(notes, 'a')), note(1));
	await two.leadership.close();
	await other.leadership.close();
	await a.close();
	await b.close();
});

testPostgres('who has been replaced writes nothing more, even if it does not know yet', async t => {
	const server = await theServer();
	const options = server.options();
	const [a, b] = [await openPostgresStore(options), await openPostgresStore(options)];
	const one = await runner(a);
	const two = await runner(b);
	const [old] = one.leads;
	if (!old) return t.fail();
	// Its second session alone: as when the server has taken it for dead while it stood still.
	await server.administer(`SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
		WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted`);
	await until(() => one.leadership.isLeading() || two.leadership.isLeading());
	if (one.leadership.isLeading()) {
		// It was back first; the other one has its turn as soon as this one leaves it.
		await one.leadership.close();
		await until(() => two.leadership.isLeading());
	}
	t.throws(() => old.check(), { code: 'NotLeading' });
	await t.throwsAsync(
		old.store.transact(tx => tx.put(notes, 'old', note(1))),
		{ code: 'NotLeading' },
	);
	await two.lead?.store.transact(tx => tx.put(notes, 'new', note(2)));
	await a.transact(tx => tx.put(notes, 'anybody', note(3)));
	t.deepEqual(
		(await b.read(tx => tx.list(notes))).map(({ id }) => id),
		['anybody', 'new'],
	);
	await one.leadership.close();
	await two.leadership.close();
	await a.close();
	await b.close();
});

testPostgres('what cannot begin leaves the lead to others', async t => {
	const server = await theServer();
	const options = server.options();
	const [a, b] = [await openPostgresStore(options), await openPostgresStore(options)];
	let attempts = 0;
	const unable = await leadOne({
		store: a,
		role: 'market',
		logger: silentLogger,
		lead: () => {
			attempts++;
			return Promise.reject(new Error('it cannot'));
		},
	});
	t.false(unable.isLeading());
	t.is(attempts, 1);
	const able = await runner(b);
	await until(() => able.leadership.isLeading());
	await unable.close();
	await able.leadership.close();
	await a.close();
	await b.close();
});

testPostgres(
	'others’ commits are heard of, and that some may have been missed while the way was cut',
	async t => {
		const server = await theServer();
		const options = server.options();
		const link = await openLink(server.folder);
		const near = await openPostgresStore({ ...options, host: link.folder });
		const far = await openPostgresStore(options);
		let news = 0;
		near.others?.onNews(() => news++);
		const leading = await runner(near);
		await until(() => news > 0);
		const before = news;
		await near.transact(tx => tx.put(notes, 'own', note(0)));
		await far.transact(tx => tx.put(notes, 'a', note(1)));
		await until(() => news > before);

		link.cut();
		await until(() => !leading.leadership.isLeading() && leading.lead === undefined);
		const standIn = await runner(far);
		await until(() => standIn.leadership.isLeading());
		await t.throwsAsync(
			near.transact(tx => tx.put(notes, 'cut', note(2))),
			{ code: 'StoreFailed' },
		);
		await far.transact(tx => tx.put(notes, 'missed', note(3)));
		const missed = news;
		link.mend();
		await until(() => news > missed);
		t.deepEqual(
			(await near.read(tx => tx.list(notes))).map(({ id }) => id),
			['a', 'missed', 'own'],
		);
		await standIn.leadership.close();
		await until(() => leading.leadership.isLeading());
		await leading.leadership.close();
		await near.close();
		await far.close();
		await link.close();
	},
);
