import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import { bids } from '../clearing/bid.ts';
import { leaseTo } from '../clearing/bids.ts';
import type { ServerKind } from '../index/entry.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { type Cleared, clearPool } from './clear.ts';
import { type RoundLoss, recordLosses } from './losses.ts';
import { type Award, type Pool, poolsOf } from './pool.ts';
import { type Round, roundId, rounds } from './round.ts';
import { bidsOfRound } from './round-bids.ts';
import { leasePieces } from './round-pieces.ts';
import type { Solver } from './solver.ts';
import { inTurns, ofStep, type Steps } from './turns.ts';

export interface RoundsDeps {
	readonly store: Store;
	readonly index: MarketIndex;
	readonly newId: () => string;
	readonly solver: Solver;
	/** Seconds between two rounds. */
	readonly every: number;
	/** Milliseconds for the solver, for each pool. */
	readonly patience: number;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly onLease: (id: string) => void;
	readonly onChange: () => void;
}

export interface Rounds {
	start(): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** Seconds from a round to the first start that it awards: what is cleared has still to be written. */
const lead = 10;
/** Seconds from a round within which those begin that are written first: many thousands take longer than the lead. */
const soon = 300;
/** Awards that are written in one transaction: others get their turn between two of these. */
const sliceSize = 100;
const mostKept = 1000;

/** Clears the bids that wait, all together, at every full so many seconds. */
export function createRounds(deps: RoundsDeps): Rounds {
	const { store, index, newId, solver, every, patience, clock, logger, onLease, onChange } = deps;
	const closing = new AbortController();
	const { signal } = closing;
	let running: Promise<void> | undefined;
	let cancelTimer: () => void = () => undefined;
	const second = (): number => Math.floor(clock.now() / 1000);

	function arm(): void {
		if (signal.aborted) return;
		const next = (Math.floor(second() / every) + 1) * every;
		cancelTimer = clock.after(Math.max(1, next * 1000 - clock.now()), () => {
			running = run().finally(() => {
				running = undefined;
				arm();
			});
		});
	}

	async function run(): Promise<void> {
		try {
			const at = second();
			const asked = await bidsOfRound(store, index, { now: at + lead });
			const cleared: [Pool, Cleared][] = [];
			for (const pool of await inTurns(poolsOf(asked), signal))
				cleared.push([pool, await clearPool(pool, { solver, patience, signal })]);
			let overtaken = 0;
			for (const isSoon of [true, false]) {
				for (const [, { awards, price = 0 }] of cleared) {
					const next = awards.filter(({ start }) => start < at + soon === isSoon);
					for (let from = 0; from < next.length && !signal.aborted; from += sliceSize)
						overtaken += await write(next.slice(from, from + sliceSize), price);
				}
			}
			const pieces = await leasePieces({ store, index, newId, second, onLease, signal }, floorOf(cleared));
			const pools = cleared.map(([pool, each]) => viewOf(pool, each));
			await record({ at, pools, ...(pieces && { pieces }), overtaken }, cleared);
			onChange();
		} catch (fault) {
			if (signal.aborted) return;
			logger.warn({ err: fault }, 'a round came to nothing; its bids wait for the next one');
		}
	}

	/** Leases what was awarded, as far as it still can be; how much no longer could. */
	async function write(awards: readonly Award[], price: number): Promise<number> {
		const made: string[] = await store.transact(async tx => {
			const leases: string[] = [];
			for (const award of awards) {
				const lease = await lay(tx, award, price);
				if (lease !== undefined) leases.push(lease);
			}
			return leases;
		});
		for (const id of made) onLease(id);
		return awards.length - made.length;
	}

	async function lay(tx: Transaction, award: Award, price: number): Promise<string | undefined> {
		const { bid, start, slots } = award;
		const document = await tx.get(bids, bid.id);
		const end = start + bid.wish.length;
		const isPossible =
			document?.state === 'waiting' &&
			start >= second() &&
			slots.every(
				slot =>
					slot.server.slots.get(slot.offer) === slot &&
					slot.server.kind !== undefined &&
					bid.kinds.includes(slot.server.kind) &&
					slot.leased.isFree(start, end),
			);
		if (!isPossible) return undefined;
		const taken = slots.map(({ offer, server }) => ({
			offer,
			server,
			price: offer.price,
			first: start,
			last: start,
		}));
		const of = { id: bid.id, bid: document, match: { start, taken }, price };
		return leaseTo(tx, of, { now: second(), newId });
	}

	async function record(round: Round, cleared: readonly (readonly [Pool, Cleared])[]): Promise<void> {
		await recordLosses(store, await inTurns(lossesOf(cleared)), round.at);
		await store.transact(async tx => {
			await tx.put(rounds, roundId(round.at), round);
			const old = (await tx.count(rounds)) - mostKept;
			if (old <= 0) return;
			for (const { id } of await tx.list(rounds, { limit: old })) await tx.delete(rounds, id);
		});
	}

	const idle = async (): Promise<void> => {
		while (running) await running;
	};
	return {
		start: arm,
		idle,
		async close() {
			closing.abort();
			cancelTimer();
			await solver.close();
			await idle();
		},
	};
}

/** What a server of a kind cost in the round. */
function floorOf(cleared: readonly (readonly [Pool, Cleared])[]): Map<ServerKind, number> {
	const floor = new Map<ServerKind, number>();
	for (const [{ lanes }, { price }] of cleared) {
		if (price === undefined) continue;
		for (const kind of lanes.keys()) floor.set(kind, price);
	}
	return floor;
}

const viewOf = (
	{ bids: asked }: Pool,
	{ price, awards, gains, bound, by }: Cleared,
): Round['pools'][number] => ({
	price: price === undefined ? null : String(price),
	bids: asked.length,
	met: awards.length,
	servers: awards.reduce((sum, { slots }) => sum + slots.length, 0),
	gains: gains.toString(),
	bound: BigInt(Math.ceil(bound)).toString(),
	by,
});

function* lossesOf(
	cleared: readonly (readonly [Pool, Cleared])[],
): Steps<Map<string, Omit<RoundLoss, 'at'>>> {
	const losses = new Map<string, Omit<RoundLoss, 'at'>>();
	let steps = 0;
	for (const [pool, { awards, price }] of cleared) {
		const met = new Set(awards.map(({ bid }) => bid));
		for (const bid of pool.bids) {
			if (steps++ % ofStep === 0) yield;
			if (met.has(bid)) continue;
			const reason = price !== undefined && bid.wish.highest < price ? 'price' : 'room';
			losses.set(bid.id, { reason, price: price === undefined ? null : String(price) });
		}
	}
	return losses;
}
