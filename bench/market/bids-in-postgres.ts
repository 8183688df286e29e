// What a bid costs where the records are in PostgreSQL: how many a second, and how often the server is asked for one.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStore } from '../../common/store/open-store.ts';
import { openLink } from '../../common/store/postgres-link.fixture.ts';
import { startPostgres } from '../../common/store/postgres-server.fixture.ts';
import { openPostgresStore } from '../../common/store/postgres-store.ts';
import type { Store } from '../../common/store/store.ts';
import { debianParts } from '../../test/debian/parts.ts';
import type { BenchCase, Side } from '../harness/bench-case.ts';

/** Makes what places the `n`th bid in a store, of which it has made ready all else. */
type Act = (store: Store) => Promise<(n: number) => Promise<unknown>>;

/** What the round of one side is made with. */
interface Bench {
	/** As many bids as there is time for, of so many callers; how many there were. */
	place(callers: number, seconds: number): Promise<number>;
	/** Ways to the server and back, and statements, so far; zero for a file. */
	readonly asked: { readonly trips: number; readonly statements: number };
}

/** None, and said so, where PostgreSQL is not installed. */
export function bidsInPostgres(bidding: Act, atOnce: number): BenchCase[] {
	if (!debianParts().some(({ name, here }) => name === 'postgresql-15' && here)) {
		console.error('bench: bids in PostgreSQL with the Debian package postgresql-15');
		return [];
	}
	const speed = (name: string, on: Opening, callers: number): Side => ({
		name,
		check: () => on(bidding, async ({ place }) => assert.ok((await place(1, 0)) > 0)),
		round: seconds =>
			on(bidding, async ({ place }) => {
				const begin = performance.now();
				const placed = await place(callers, seconds);
				return { '': placed / ((performance.now() - begin) / 1000) };
			}),
	});
	const asking = (name: string, callers: number): Side => ({
		name,
		check: () => overLink(bidding, async ({ place }) => assert.ok((await place(1, 0)) > 0)),
		round: seconds =>
			overLink(bidding, async ({ place, asked }) => {
				// What is always read is known after some.
				await place(callers, seconds / 4);
				const { trips, statements } = asked;
				const placed = await place(callers, seconds);
				return {
					'': (asked.trips - trips) / placed,
					statements: (asked.statements - statements) / placed,
				};
			}),
	});
	const most = { rounds: 3, warmUp: 0 };
	return [
		{
			name: `durable bids in PostgreSQL, ${atOnce} at once`,
			figures: [{ name: '', unit: 'bids a second', better: 'higher' }],
			ours: speed('PostgreSQL', inPostgres, atOnce),
			peers: [speed('SQLite', inFile, atOnce), speed('PostgreSQL, one at a time', inPostgres, 1)],
			most,
		},
		{
			name: `how often PostgreSQL is asked for a bid, ${atOnce} at once`,
			figures: [
				{ name: '', unit: 'ways there and back', better: 'lower' },
				{ name: 'statements', unit: 'a bid', better: 'lower' },
			],
			ours: asking('bids', atOnce),
			peers: [asking('bids, one at a time', 1)],
			most,
		},
	];
}

type Opening = <R>(act: Act, work: (bench: Bench) => Promise<R>) => Promise<R>;

async function benchOf(store: Store, act: Act, asked: Bench['asked']): Promise<Bench> {
	const place = await act(store);
	let placed = 0;
	return {
		asked,
		async place(callers, seconds) {
			const [begin, before] = [performance.now(), placed];
			const call = async (): Promise<void> => {
				do await place(placed++);
				while (performance.now() - begin < seconds * 1000);
			};
			await Promise.all(Array.from({ length: callers }, call));
			return placed - before;
		},
	};
}

const nothing = { trips: 0, statements: 0 };

async function inPostgres<R>(act: Act, work: (bench: Bench) => Promise<R>): Promise<R> {
	const postgres = await startPostgres();
	try {
		const store = await openPostgresStore(postgres.options());
		return await benchOf(store, act, nothing)
			.then(work)
			.finally(() => store.close());
	} finally {
		await postgres.close();
	}
}

/** Over what counts, which takes time of its own. */
async function overLink<R>(act: Act, work: (bench: Bench) => Promise<R>): Promise<R> {
	const postgres = await startPostgres();
	try {
		const link = await openLink(postgres.folder);
		const store = await openPostgresStore({ ...postgres.options(), host: link.folder });
		return await benchOf(store, act, link.asked)
			.then(work)
			.finally(() => store.close())
			.finally(() => link.close());
	} finally {
		await postgres.close();
	}
}

async function inFile<R>(act: Act, work: (bench: Bench) => Promise<R>): Promise<R> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
	const store = await openStore({ engine: 'sqlite', file: path.join(folder, 'market.db') });
	try {
		return await work(await benchOf(store, act, nothing));
	} finally {
		await store.close();
		await rm(folder, { recursive: true });
	}
}
