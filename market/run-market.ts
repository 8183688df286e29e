import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import { createEndings } from '../common/endings.ts';
import type { EventBus } from '../common/events/bus.ts';
import type { Authenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import type { Actor } from './authorize/actor.ts';
import { createMatcher } from './clearing/matcher.ts';
import type { World } from './core/world.ts';
import { createDeadlines } from './deadlines.ts';
import { createPublisher } from './event/publisher.ts';
import { indexStore } from './index/indexed-store.ts';
import { createLeaseDriver } from './lease/driver.ts';
import type { Fulfilment } from './lease/fulfilment.ts';
import type { MarketDeps } from './market-deps.ts';
import { createRounds } from './round/rounds.ts';
import { createSolver } from './round/solver.ts';

export interface MarketParts {
	readonly store: Store;
	readonly fulfilment: Fulfilment;
	readonly authenticator: Authenticator<Actor>;
	/** Seconds that a lease's delivery is tried for. */
	readonly patience: number;
	/** Seconds between two rounds; without it each bid is matched as it comes. */
	readonly rounds?: number | undefined;
	/** Milliseconds that the solver has for a pool of a round; five seconds when absent. */
	readonly solverPatience?: number;
	readonly clock: Clock;
	readonly random: () => number;
	/** Ids that nobody can guess, when absent. */
	readonly newId?: () => string;
	readonly logger: Logger;
	readonly version: string;
	readonly registry?: Registry;
	/** Where what happens is published, if anywhere. */
	readonly bus?: Pick<EventBus, 'publish'> | undefined;
}

export interface RunningParts {
	readonly deps: MarketDeps;
	/** Resolves when nothing is under way; what has a time of its own still comes. */
	idle(): Promise<void>;
	/** Those who wait are answered, and nothing begins from then on. */
	close(): Promise<void>;
}

/** Loads the index, and starts what works by itself: leases, bids that wait, deadlines. */
export async function runMarket(parts: MarketParts): Promise<RunningParts> {
	const { fulfilment, authenticator, patience, clock, random, logger, version, registry } = parts;
	const { newId = randomUUID } = parts;
	const { store, index } = await indexStore(parts.store);
	const endings = createEndings(clock);
	const onChange = (): void => endings.tell('events');
	const publisher = parts.bus && createPublisher({ store, bus: parts.bus, endings, logger });
	const now = (): number => Math.floor(clock.now() / 1000);
	const world = (actor: Actor): World => ({
		actor,
		now: now(),
		newId,
		index,
		inRounds: parts.rounds !== undefined,
	});
	const shared = { store, clock, logger };
	const onLease = (id: string): void => {
		driver.wake(id);
		onChange();
	};
	const rounds =
		parts.rounds === undefined
			? undefined
			: createRounds({
					...shared,
					index,
					newId,
					solver: createSolver(),
					every: parts.rounds,
					patience: parts.solverPatience ?? 5000,
					onLease,
					onChange,
				});
	const matcher = rounds
		? undefined
		: createMatcher({
				...shared,
				index,
				world: () => ({ now: now(), newId, index }),
				onLease,
			});
	const offered: MarketDeps['offered'] = servers => matcher?.offered(servers);
	const driver = createLeaseDriver({
		...shared,
		fulfilment,
		patience,
		random,
		onFreed: offered,
		onChange,
	});
	const deadlines = createDeadlines({ ...shared, onChange });
	await deadlines.start();
	await driver.start();
	// Something may have come that nobody was told of.
	matcher?.offered();
	rounds?.start();
	return {
		deps: {
			...shared,
			index,
			authenticator,
			driver,
			offered,
			lossOf: bid => rounds?.lossOf(bid),
			deadlines,
			endings,
			world,
			version,
			...(registry && { registry }),
		},
		async idle() {
			for (let n = 0; n < 3; n++) {
				await rounds?.idle();
				await matcher?.idle();
				await deadlines.idle();
				await driver.idle();
			}
		},
		async close() {
			endings.close();
			await deadlines.close();
			await rounds?.close();
			await matcher?.close();
			await driver.close();
			await publisher?.close();
		},
	};
}
