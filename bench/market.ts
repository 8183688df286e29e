// The market at size: matching an arriving bid, clearing a round, and bids that are on the disk.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryStore } from '../common/store/memory-store.fixture.ts';
import { openStore } from '../common/store/open-store.ts';
import type { Store } from '../common/store/store.ts';
import { makeOffer } from '../market/calendar/offers.ts';
import { recordServer } from '../market/calendar/server.ts';
import { placeBid } from '../market/clearing/bids.ts';
import { matchQuest } from '../market/clearing/match.ts';
import { lastStart, type Wish, walkCandidates } from '../market/clearing/walk.ts';
import { indexStore } from '../market/index/indexed-store.ts';
import type { MarketIndex } from '../market/index/market-index.ts';
import { grantCredits } from '../market/ledger/credits.ts';
import { bidTerms, now, offerTerms } from '../market/market.fixture.ts';
import { clearPool } from '../market/round/clear.ts';
import { poolsOf } from '../market/round/pool.ts';
import { indexOf } from '../market/round/round.fixture.ts';
import { bidsOfRound } from '../market/round/round-bids.ts';
import { inTurns } from '../market/round/turns.ts';
import type { BenchArea, BenchCase, Side } from './harness/bench-case.ts';
import { bidsInPostgres } from './market/bids-in-postgres.ts';

const hour = 3600;
const day = 24 * hour;
const horizon = 90 * day;
const models = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

export const area: BenchArea = {
	open: async () => ({
		cases: [
			growth('a match among servers', sizes(), matchSide, [
				{ name: 'p50', unit: 'ms', better: 'lower' },
				{ name: 'p99', unit: 'ms', better: 'lower' },
				{ name: 'p99 of processor time', unit: 'ms', better: 'lower' },
				{ name: 'memory', unit: 'bytes an offer', better: 'lower' },
			]),
			growth('a round of as many bids as servers', sizes(), roundSide, [
				{ name: '', unit: 's', better: 'lower' },
				{ name: 'processor time', unit: 's', better: 'lower' },
				{ name: 'longest pause of it', unit: 'ms', better: 'lower' },
				{ name: 'gains of the bound', unit: '%', better: 'higher' },
			]),
			durableBids(),
			...bidsInPostgres(bidding, writers),
		],
		close: async () => undefined,
	}),
};

/** The largest takes more memory than Node gives itself. */
function sizes(): number[] {
	const isRoom = getHeapStatistics().heap_size_limit > 10 * 2 ** 30;
	if (!isRoom) console.error('bench: up to 1,000,000 with NODE_OPTIONS=--max-old-space-size=14000');
	return [1000, 10_000, 100_000, ...(isRoom ? [1_000_000] : [])];
}

/** The largest is held against all smaller ones. */
function growth(
	name: string,
	sizes: readonly number[],
	open: (size: number) => Side,
	figures: BenchCase['figures'],
): BenchCase {
	const sides = sizes.map(open);
	const ours = sides.pop();
	assert.ok(ours);
	return { name, chart: 'growth', figures, ours, peers: sides, most: { rounds: 3, warmUp: 1 } };
}

/** What is in use, without what nobody could reach any more. */
function bytesInUse(): number {
	setFlagsFromString('--expose-gc');
	(runInNewContext('gc') as () => void)();
	const { heapUsed, arrayBuffers } = process.memoryUsage();
	return heapUsed + arrayBuffers;
}

/** The same numbers each time (Lehmer's generator, as Park and Miller 1988 have it). */
function createRandom(): (below: number) => number {
	let state = 20_261_122;
	return below => {
		state = (state * 48_271) % 2_147_483_647;
		return Math.floor((state / 2_147_483_647) * below);
	};
}

const wanted = (random: ReturnType<typeof createRandom>) => ({
	servers: {
		where: [{ property: 'model', op: '==' as const, value: models[random(models.length)] ?? 'a' }],
	},
	length: hour * (1 + random(72)),
	highest: String(50 + random(600)),
});

/**
 * So many servers of eight models, each offered by itself for 90 days at a price of its own; each with `leases` leases of up to
 * three days, hours apart, from now on (with 24 of them, the first 40 days are four fifths full); and as many bids that wait.
 */
function calendar(size: number, leases: number): MarketIndex {
	const random = createRandom();
	const servers = Array.from({ length: size }, () => ({
		model: models[random(models.length)] ?? 'a',
		price: 100 + random(400),
		start: 0,
		end: horizon,
	}));
	const bids = Array.from({ length: size }, () => {
		const earliest = now + hour * random(80 * 24);
		const latest = earliest + (random(2) === 0 ? 0 : day);
		return { ...wanted(random), quantity: 1 + random(4), earliest, latest };
	});
	const index = indexOf(servers, bids);
	for (let n = 0; n < size; n++) {
		let start = now;
		for (let lease = 0; lease < leases; lease++) {
			start += hour * random((90 / leases) * 24 - 72);
			const end = start + hour * (1 + random(72));
			index.setSpan(`s${n}`, end, { server: `s${n}`, start, end, by: `l${lease}` });
			start = end;
		}
	}
	return index;
}

function matchSide(size: number): Side {
	let index: MarketIndex | undefined;
	let memory = 0;
	const random = createRandom();
	const ask = (index: MarketIndex) => {
		const earliest = now + hour * random(80 * 24);
		const { servers, length, highest } = wanted(random);
		const wish: Wish = {
			project: 'blue',
			quantity: 1 + random(16),
			attestations: [],
			earliest,
			latest: earliest + (random(2) === 0 ? 0 : day),
			length,
			deadline: null,
			allOrNothing: true,
			servers,
			highest: Number(highest),
		};
		return matchQuest({ ...wish, latest: lastStart(wish) }, visit => walkCandidates(index, wish, visit));
	};
	return {
		name: `${size} servers`,
		async check() {
			const before = bytesInUse();
			const made = calendar(size, 24);
			index = made;
			// What is worked out when it is first asked for is there afterwards, and counts.
			const found = Array.from({ length: 5000 }, () => ask(made).match);
			memory = (bytesInUse() - before) / size;
			const met = found.filter(match => match !== undefined);
			assert.ok(met.length > 1000 && met.length < 5000, `${met.length} of 5000 are met`);
			for (const { start, taken } of met)
				for (const { first, last } of taken) assert.ok(first <= start && start <= last);
		},
		async round(seconds) {
			const made = index;
			assert.ok(made);
			const times: number[] = [];
			const processor: number[] = [];
			for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
				const before = process.threadCpuUsage();
				const begin = performance.now();
				ask(made);
				times.push(performance.now() - begin);
				const { user, system } = process.threadCpuUsage(before);
				processor.push((user + system) / 1000);
			}
			const at = (of: number[], part: number): number =>
				of.sort((a, b) => a - b)[Math.floor(of.length * part)] ?? 0;
			return {
				p50: at(times, 0.5),
				p99: at(times, 0.99),
				'p99 of processor time': at(processor, 0.99),
				memory,
			};
		},
	};
}

function roundSide(size: number): Side {
	let index: MarketIndex | undefined;
	const store = createMemoryStore();
	const none = { solve: async () => ({ status: 'none', why: '' }) as const, close: async () => undefined };
	const clear = async () => {
		index ??= calendar(size, 0);
		const pools = await inTurns(poolsOf(await bidsOfRound(store, index, { now })));
		const cleared = [];
		for (const pool of pools) cleared.push(await clearPool(pool, { solver: none, patience: 1 }));
		const gains = cleared.reduce((sum, each) => sum + Number(each.gains), 0);
		const bound = cleared.reduce((sum, each) => sum + each.bound, 0);
		return { met: cleared.reduce((sum, { awards }) => sum + awards.length, 0), part: (100 * gains) / bound };
	};
	return {
		name: `${size} bids`,
		async check() {
			const { met, part } = await clear();
			assert.ok(met > size / 2, `${met} of ${size} are met`);
			assert.ok(part > 90 && part <= 100, `${part} % of the bound`);
		},
		async round() {
			const pauses = monitorEventLoopDelay({ resolution: 1 });
			pauses.enable();
			const before = process.cpuUsage();
			const begin = performance.now();
			const { part } = await clear();
			const { user, system } = process.cpuUsage(before);
			pauses.disable();
			return {
				'': (performance.now() - begin) / 1000,
				'processor time': (user + system) / 1e6,
				'longest pause of it': pauses.max / 1e6,
				'gains of the bound': part,
			};
		},
	};
}

const writers = 64;

/** Bids that are answered when they are on the disk: each leases a server, or waits. The peer only moves credits. */
function durableBids(): BenchCase {
	const side = (name: string, act: (store: Store) => Promise<(n: number) => Promise<unknown>>): Side => {
		const on = async <R>(work: (place: (n: number) => Promise<unknown>) => Promise<R>): Promise<R> => {
			const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-bench-'));
			const store = await openStore({ engine: 'sqlite', file: path.join(folder, 'market.db') });
			try {
				return await work(await act(store));
			} finally {
				await store.close();
				await rm(folder, { recursive: true });
			}
		};
		return {
			name,
			check: () => on(async place => void (await place(0))),
			round: seconds =>
				on(async place => {
					let placed = 0;
					const before = process.cpuUsage();
					const begin = performance.now();
					const write = async (): Promise<void> => {
						while (performance.now() - begin < seconds * 1000) await place(placed++);
					};
					await Promise.all(Array.from({ length: writers }, write));
					const { user, system } = process.cpuUsage(before);
					return {
						'': placed / ((performance.now() - begin) / 1000),
						'processor time': (user + system) / placed,
					};
				}),
		};
	};
	return {
		name: `durable bids, ${writers} at once`,
		figures: [
			{ name: '', unit: 'bids a second', better: 'higher' },
			{ name: 'processor time', unit: 'µs a bid', better: 'lower' },
		],
		ours: side('bids', bidding),
		peers: [
			side('one transfer of credits each', async store => async n => {
				const grant = { key: `k${n}`, project: 'blue', amount: 1n } as const;
				const cause = { kind: 'grant', of: '', note: '' } as const;
				await store.transact(tx => grantCredits(tx, { ...grant, cause }, now));
			}),
		],
	};
}

async function bidding(plain: Store): Promise<(n: number) => Promise<unknown>> {
	const { store, index } = await indexStore(plain);
	let ids = 0;
	const world = { now, newId: () => `id-${++ids}`, index };
	const names = Array.from({ length: 1000 }, (_, n) => `s${n}`);
	await store.transact(async tx => {
		for (const name of names)
			await recordServer(tx, { name, owner: 'red', properties: { model: 'a' }, attestations: [] }, now);
		const intervals = [{ start: now, end: now + horizon }];
		const times = { type: 'once', intervals } as const;
		await makeOffer(
			tx,
			{ ...offerTerms, servers: { names }, times: { ...times, intervals: [...intervals] } },
			world,
		);
		const cause = { kind: 'grant', of: '', note: '' } as const;
		await grantCredits(tx, { key: 'g', project: 'blue', amount: 10n ** 17n, cause }, now);
	});
	const random = createRandom();
	return async n => {
		const earliest = now + hour * random(80 * 24);
		const bid = {
			...bidTerms,
			quantity: 1,
			earliest,
			latest: earliest,
			length: 100,
			waitUntil: now + horizon,
		};
		const { outcome } = await store.transact(tx => placeBid(tx, { key: `k${n}`, bid }, world));
		assert.ok(outcome === 'leased' || outcome === 'waiting');
	};
}
