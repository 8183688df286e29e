import type { Clock } from '../common/clock.ts';
import type { Endings } from '../common/endings.ts';
import type { EventBus } from '../common/events/bus.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store, Written } from '../common/store/store.ts';
import { type Offer, offers } from './calendar/offer.ts';
import { servers } from './calendar/server.ts';
import { leasedSpans } from './calendar/span.ts';
import { bids } from './clearing/bid.ts';
import { createMatcher } from './clearing/matcher.ts';
import { createDeadlines } from './deadlines.ts';
import { createPublisher } from './event/publisher.ts';
import type { MarketIndex } from './index/market-index.ts';
import { createLeaseDriver } from './lease/driver.ts';
import type { Fulfilment } from './lease/fulfilment.ts';
import { leases } from './lease/lease.ts';
import { createWatch } from './lease/watch.ts';
import { createRounds } from './round/rounds.ts';
import { createSolver } from './round/solver.ts';

export interface TimedDeps {
	readonly store: Store;
	readonly index: MarketIndex;
	readonly fulfilment: Fulfilment;
	/** Seconds that a lease's delivery is tried for. */
	readonly patience: number;
	/** Seconds between two rounds; without it each bid is matched as it comes. */
	readonly rounds: number | undefined;
	/** Milliseconds that the solver has for a pool of a round. */
	readonly solverPatience: number;
	readonly bus: Pick<EventBus, 'publish'> | undefined;
	readonly endings: Endings;
	readonly clock: Clock;
	readonly random: () => number;
	readonly newId: () => string;
	readonly logger: Logger;
}

/** What the market does by itself, in one process at a time: leases, bids that wait, deadlines, rounds, publishing. */
export interface Timed {
	/** Takes up all that there is to do. */
	start(): Promise<void>;
	/** A lease was made or changed. */
	lease(id: string): void;
	/** An offer was made, or a bid began to wait. */
	offer(id: string): void;
	bid(id: string): void;
	/** These servers can be had, or longer than before; all when absent. */
	offered(servers?: readonly string[]): void;
	/** Other processes have written this. */
	follow(written: readonly Written[] | 'unknown'): void;
	/** Resolves when nothing is under way; what has a time of its own still comes. */
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** The collections of which `follow` is to be told. */
export const followedByTimed = [leases, offers, bids, servers, leasedSpans] as const;

const retryAfter = 1000;

export function createTimed(deps: TimedDeps): Timed {
	const { store, index, endings, bus, clock, logger, newId } = deps;
	const shared = { store, clock, logger };
	const second = (): number => Math.floor(clock.now() / 1000);
	const onChange = (): void => endings.tell('events');
	const onLease = (id: string): void => {
		driver.wake(id);
		onChange();
	};
	const offered: Timed['offered'] = names => matcher?.offered(names);
	const rounds =
		deps.rounds === undefined
			? undefined
			: createRounds({
					...shared,
					index,
					newId,
					solver: createSolver(),
					every: deps.rounds,
					patience: deps.solverPatience,
					onLease,
					onChange,
				});
	const world = () => ({ now: second(), newId, index });
	const matcher = rounds ? undefined : createMatcher({ ...shared, index, world, onLease });
	const { fulfilment, patience, random } = deps;
	const driver = createLeaseDriver({
		...shared,
		fulfilment,
		patience,
		random,
		onFreed: offered,
		onChange,
	});
	const { inspect } = fulfilment;
	const watch = inspect && createWatch({ ...shared, inspect, onChange });
	const deadlines = createDeadlines({ ...shared, onChange });
	const publisher = bus && createPublisher({ store, bus, endings, logger });

	async function start(): Promise<void> {
		await deadlines.start();
		await driver.start();
		// Something may have come that nobody was told of.
		offered();
	}

	async function idle(): Promise<void> {
		for (let n = 0; n < 3; n++) {
			await rounds?.idle();
			await matcher?.idle();
			await deadlines.idle();
			await driver.idle();
			await watch?.idle();
		}
	}

	function followOne({ collection, id, document }: Written): void {
		if (collection === leases.name) driver.wake(id);
		else if (collection === bids.name) deadlines.bid(id);
		else if (collection === servers.name) offered([id]);
		else if (collection === leasedSpans.name) {
			// What ends sooner than it was to is a span that is gone, and another one. Its id begins with the server's name.
			if (document === undefined) offered(id.split(/[/@]/, 1));
		} else if (document !== undefined) {
			deadlines.offer(id);
			offered((document as Offer).offered);
		}
	}

	let isClosed = false;
	let cancelRetry: () => void = () => undefined;
	async function takeUp(): Promise<void> {
		try {
			await start();
		} catch (fault) {
			if (isClosed) return;
			logger.warn({ err: fault }, 'what others wrote could not be looked through; it is tried again');
			cancelRetry = clock.after(retryAfter, () => void takeUp());
		}
	}

	return {
		async start() {
			await start();
			rounds?.start();
			watch?.wake();
		},
		lease: driver.wake,
		offer: deadlines.offer,
		bid: deadlines.bid,
		offered,
		follow(written) {
			if (written === 'unknown') void takeUp();
			else for (const each of written) followOne(each);
		},
		idle,
		async close() {
			isClosed = true;
			cancelRetry();
			await deadlines.close();
			await rounds?.close();
			await matcher?.close();
			await watch?.close();
			await driver.close();
			await publisher?.close();
		},
	};
}
