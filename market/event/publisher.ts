import type { Endings } from '../../common/endings.ts';
import type { EventBus } from '../../common/events/bus.ts';
import { topicOf } from '../../common/events/topics.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { counters } from '../ledger/transfer.ts';
import { eventId, listEvents, type MarketEvent } from './events.ts';

/** Milliseconds until the broker is tried again, and until the records are looked at though nothing was told of. */
const retryAfter = 2000;
const lookAfter = 30_000;
const sliceSize = 100;

/** `lease.active` of lease X goes to `bimetal/market/leases/X`. */
const topicFor = ({ kind, of }: MarketEvent): string => topicOf('market', `${kind.split('.')[0]}s`, of);

/**
 * Publishes what happened, in order and without a gap, also what happened while the broker was away or the market was down.
 * How far it has come is recorded, after the broker has it: so an event may come twice, and has its number to tell.
 */
export function createPublisher({
	store,
	bus,
	endings,
	logger,
}: {
	readonly store: Store;
	readonly bus: Pick<EventBus, 'publish'>;
	/** `events` is told of when something has happened. */
	readonly endings: Endings;
	readonly logger: Logger;
}): { close(): Promise<void> } {
	let isClosed = false;
	let isAway = false;
	let cancel: () => void = () => undefined;

	/** Whether there may be more. */
	async function publishSome(): Promise<boolean> {
		const { events } = await store.read(async tx => {
			const last = (await tx.get(counters, 'published'))?.last ?? 0;
			return listEvents(tx, { after: eventId(last), limit: sliceSize }, () => true);
		});
		let done = 0;
		try {
			for (const event of events) {
				if (isClosed) break;
				await bus.publish(topicFor(event), event);
				done = Number(event.id);
			}
		} finally {
			if (done > 0) await store.transact(tx => tx.put(counters, 'published', { last: done }));
		}
		return events.length > 0;
	}

	async function run(): Promise<void> {
		while (!isClosed) {
			const waiting = endings.wait('events', isAway ? retryAfter : lookAfter);
			cancel = waiting.cancel;
			try {
				const isMore = await publishSome();
				isAway = false;
				if (isMore) waiting.cancel();
			} catch (fault) {
				if (!isAway) logger.warn({ err: fault }, 'events wait until the broker takes them');
				isAway = true;
			}
			if (isClosed) waiting.cancel();
			await waiting.over;
		}
	}

	const running = run();
	return {
		async close() {
			isClosed = true;
			cancel();
			await running;
		},
	};
}
