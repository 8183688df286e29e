import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { isChosen } from '../calendar/choice.ts';
import type { MarketIndex } from '../index/market-index.ts';
import { bids } from './bid.ts';
import { hasPieces, retryBid, type World, wishOf } from './bids.ts';
import { couldHave } from './pieces.ts';
import { walkCandidates } from './walk.ts';

export interface MatcherDeps {
	readonly store: Store;
	readonly index: MarketIndex;
	readonly world: () => World;
	readonly onLease: (id: string) => void;
	readonly clock: Clock;
	readonly logger: Logger;
}

export interface Matcher {
	/** These servers can be had, or longer than before: bids that wait may be met. All servers when absent. */
	offered(servers?: readonly string[]): void;
	/** Resolves when nothing is under way. */
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** Bids that are looked at in one go: others get their turn between two of these. */
const sliceSize = 200;
const retryAfter = 1000;

/**
 * Meets bids that wait, as soon as there is something for them: dearest first, then who has waited longest. Only bids that
 * could have some of what has come are tried, each in a transaction of its own.
 */
export function createMatcher({ store, index, world, onLease, clock, logger }: MatcherDeps): Matcher {
	/** What has come since the last pass. */
	let fresh = new Set<string>();
	let isAll = false;
	let running: Promise<void> | undefined;
	let isClosed = false;
	let cancelRetry: () => void = () => undefined;

	function wake(): void {
		if (running || isClosed || (!isAll && fresh.size === 0)) return;
		running = run().finally(() => {
			running = undefined;
			wake();
		});
	}

	async function run(): Promise<void> {
		const [names, all] = [fresh, isAll];
		fresh = new Set();
		isAll = false;
		try {
			const waiting = await store.read(async () => index.waiting.map(({ id }) => id));
			for (let from = 0; from < waiting.length && !isClosed; from += sliceSize) {
				const slice = waiting.slice(from, from + sliceSize);
				const hopeful = await store.read(async tx => {
					const found: string[] = [];
					for (const id of slice) {
						const bid = await tx.get(bids, id);
						if (bid?.state === 'waiting' && (all || (await mayBeMet(tx, bid, names)))) found.push(id);
					}
					return found;
				});
				for (const id of hopeful) {
					if (isClosed) return;
					for (const lease of await store.transact(tx => retryBid(tx, id, world()))) onLease(lease);
				}
			}
		} catch (fault) {
			logger.warn({ err: fault }, 'bids that wait could not be matched; it is tried again');
			cancelRetry = clock.after(retryAfter, () => matcher.offered());
		}
	}

	/** Whether one of the servers that have come would do for a bid. */
	async function mayBeMet(
		tx: Parameters<typeof wishOf>[0],
		bid: Parameters<typeof wishOf>[1],
		names: ReadonlySet<string>,
	): Promise<boolean> {
		const wish = await wishOf(tx, bid, world().now);
		const right = [...names].filter(name => {
			const kind = index.server(name)?.kind;
			return kind !== undefined && isChosen(name, kind, wish.servers);
		});
		const ofThese = { ...wish, servers: { names: right } };
		if (hasPieces(ofThese)) return couldHave(index, ofThese);
		let isMet = false;
		walkCandidates(index, ofThese, () => {
			isMet = true;
			return false;
		});
		return isMet;
	}

	const matcher: Matcher = {
		offered(servers) {
			if (servers === undefined) isAll = true;
			else for (const name of servers) fresh.add(name);
			wake();
		},
		async idle() {
			while (running) await running;
		},
		async close() {
			isClosed = true;
			cancelRetry();
			await matcher.idle();
		},
	};
	return matcher;
}
