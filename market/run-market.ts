import { randomUUID } from 'node:crypto';
import { Gauge, type Registry } from 'prom-client';
import type { Clock } from '../common/clock.ts';
import { createEndings } from '../common/endings.ts';
import type { EventBus } from '../common/events/bus.ts';
import type { Authenticator } from '../common/identity/asked-authenticator.ts';
import type { Logger } from '../common/log/logger.ts';
import { type Leadership, leadOne } from '../common/store/leadership.ts';
import type { Store } from '../common/store/store.ts';
import type { Actor } from './authorize/actor.ts';
import { marketErrors } from './errors.ts';
import { indexStore } from './index/indexed-store.ts';
import type { Fulfilment } from './lease/fulfilment.ts';
import type { MarketDeps } from './market-deps.ts';
import { createTimed, followedByTimed, type Timed } from './timed.ts';

export interface MarketParts {
	readonly store: Store;
	/** Who hands servers over; `check` throws unless it is for this process to do so. */
	readonly fulfil: (check: () => void) => Fulfilment;
	readonly authenticator: Authenticator<Actor>;
	/** Whether that has servers boot from images that are bid for. */
	readonly canBoot?: boolean;
	/** Whether that has servers attested before they are handed over. */
	readonly canAttest?: boolean;
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

/**
 * Loads the index, and starts what works by itself: leases, bids that wait, deadlines, rounds. Several processes can have the
 * store open at once: all of them answer calls, and one leads, which does what comes by itself, for all.
 * @throws BimetalError SettingsDiffer
 */
export async function runMarket(parts: MarketParts): Promise<RunningParts> {
	const { authenticator, clock, random, logger, version, registry, bus } = parts;
	const { newId = randomUUID, patience, rounds, solverPatience = 5000 } = parts;
	await assertSameSettings(parts);
	const { store, index } = await indexStore(parts.store);
	const endings = createEndings(clock);
	let timed: Timed | undefined;
	store.others?.follow(followedByTimed, written => timed?.follow(written));
	store.others?.onNews(() => {
		endings.tell('events');
		// What comes of it is told before the read begins, or by the next call, if the database is away.
		store.read(async () => undefined).catch(() => undefined);
	});
	const of = { patience, rounds, solverPatience, clock, random, newId, logger, endings, bus, index };
	const leadership = await leadOne({
		store,
		role: 'market',
		logger,
		async lead({ store: own, check }) {
			const begun = createTimed({ ...of, store: own, fulfilment: parts.fulfil(check) });
			// From now on it is told of what others write: also of what comes while it looks through all that there is.
			timed = begun;
			const close = (): Promise<void> => {
				timed = undefined;
				return begun.close();
			};
			try {
				await begun.start();
			} catch (fault) {
				await close();
				throw fault;
			}
			return { close };
		},
	});
	if (registry) gaugeOf(leadership, registry);
	const now = (): number => Math.floor(clock.now() / 1000);
	return {
		deps: {
			...{ store, index, authenticator, endings, version, clock, logger },
			...(registry && { registry }),
			driver: { wake: id => timed?.lease(id) },
			offered: servers => timed?.offered(servers),
			deadlines: { offer: id => timed?.offer(id), bid: id => timed?.bid(id) },
			world: actor => ({
				actor,
				now: now(),
				newId,
				index,
				inRounds: rounds !== undefined,
				canBoot: parts.canBoot ?? false,
				canAttest: parts.canAttest ?? false,
			}),
		},
		idle: async () => timed?.idle(),
		async close() {
			endings.close();
			await leadership.close();
		},
	};
}

/** A bid that one market has wait for a round would never be met where the one that leads has none. */
async function assertSameSettings({
	store,
	rounds,
	patience,
	canBoot,
	canAttest,
}: MarketParts): Promise<void> {
	const told = { rounds: rounds ?? null, patience, canBoot: canBoot ?? false, canAttest: canAttest ?? false };
	if ((await store.others?.agree('settings', JSON.stringify(told))) ?? true) return;
	const every = rounds === undefined ? 'no rounds' : `rounds: ${rounds}`;
	throw marketErrors.SettingsDiffer(
		`Another market that runs on this database was told otherwise of rounds, deliverWithin, provisioner or attest than this one (${every}, deliverWithin: ${patience}, ${canBoot ? 'a' : 'no'} provisioner, ${canAttest ? 'an' : 'no'} attest): give both the same, or stop that one first.`,
	);
}

function gaugeOf({ isLeading }: Leadership, registry: Registry): void {
	new Gauge({
		name: 'bimetal_market_leads',
		help: '1 in the process that drives leases, deadlines and rounds, of all that share a database',
		registers: [registry],
		collect() {
			this.set(Number(isLeading()));
		},
	});
}
