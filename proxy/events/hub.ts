import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import { readEventMessage, type View } from './event-message.ts';
import { readOnce, type Sight } from './sight.ts';
import { createUpstream } from './upstream.ts';
import { createViewer, type EventOutcome, type Subscriber, type Viewer } from './viewer.ts';

export interface HubDeps {
	readonly bmc: Pick<BmcConnection, 'stream' | 'read' | 'target'>;
	readonly sight: Sight;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Pick<Logger, 'warn' | 'info' | 'error'>;
	readonly count: (outcome: EventOutcome) => void;
}

/** The events of one BMC: one stream from it, fanned out to everybody who follows it here. */
export interface Hub {
	/**
	 * Tells the subscriber from now on what its operator is shown. `following` rejects when the BMC cannot be followed
	 * now; the subscriber stays, and is told of the gap once it can.
	 */
	join(
		operator: Operator,
		subscriber: Subscriber,
	): { readonly following: Promise<void>; readonly leave: () => void };
	/** What the proxy itself has to tell this party's subscribers, whatever they follow. */
	tellParty(party: string, make: (id: string) => View): void;
	/** Looks whether everybody still may follow. */
	check(): void;
	isFollowing(): boolean;
	/** Forgets all subscribers and leaves the BMC. */
	close(): void;
}

export function createHub(deps: HubDeps): Hub {
	const { bmc, sight, clock, logger } = deps;
	/** By operator's name. */
	const viewers = new Map<string, Viewer>();
	let starting: Promise<void> | undefined;
	const upstream = createUpstream({
		bmc,
		clock,
		random: deps.random,
		logger,
		onMessage({ data }) {
			const message = readEventMessage(data);
			if (!message) return deps.count('unreadable');
			const read = readOnce(bmc);
			for (const viewer of viewers.values()) viewer.see(message, read);
		},
		onGap(since) {
			for (const viewer of viewers.values()) viewer.tellGap(since);
		},
	});

	const viewerOf = (operator: Operator): Viewer => {
		const known = viewers.get(operator.name);
		// One who has changed sides begins anew.
		if (known && known.operator.party === operator.party) return known;
		const viewer = createViewer({
			operator,
			bmc,
			sight,
			now: () => clock.now(),
			count: deps.count,
			onFault: fault =>
				logger.error(
					{ err: fault, bmc: bmc.target.name },
					'an event could not be decided on, so nobody saw it',
				),
		});
		viewers.set(operator.name, viewer);
		return viewer;
	};

	const follow = async (): Promise<void> => {
		if (upstream.isOpen()) return;
		// Whoever comes while the BMC cannot be reached learns it from the first attempt, or is told of the gap later.
		starting ??= upstream.start();
		await starting;
	};

	return {
		join(operator, subscriber) {
			const viewer = viewerOf(operator);
			viewer.subscribers.add(subscriber);
			const leave = (): void => {
				viewer.subscribers.delete(subscriber);
				if (viewer.subscribers.size > 0) return;
				if (viewers.get(operator.name) === viewer) viewers.delete(operator.name);
				if (viewers.size > 0) return;
				starting = undefined;
				upstream.stop();
			};
			return { following: follow(), leave };
		},
		tellParty(party, make) {
			for (const viewer of viewers.values()) if (viewer.operator.party === party) viewer.tell(make);
		},
		check() {
			for (const viewer of viewers.values()) viewer.check();
		},
		isFollowing: () => upstream.isOpen(),
		close() {
			viewers.clear();
			starting = undefined;
			upstream.stop();
		},
	};
}
