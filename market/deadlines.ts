import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import { createAgenda } from './agenda.ts';
import { offers } from './calendar/offer.ts';
import { expireOffer, lastSecond } from './calendar/offers.ts';
import { bids, lapsesAt } from './clearing/bid.ts';
import { withdrawBid } from './clearing/bids.ts';

export interface Deadlines {
	/** Takes up all offers and bids that are open. */
	start(): Promise<void>;
	/** An offer was made, or a bid began to wait; or either has changed. */
	offer(id: string): void;
	bid(id: string): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

const retryAfter = 1000;

/** Closes offers whose times are past, and bids that have waited long enough, to the second. */
export function createDeadlines({
	store,
	clock,
	logger,
	onChange,
}: {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly onChange: () => void;
}): Deadlines {
	const running = new Set<Promise<void>>();
	const agenda = createAgenda(clock, key => follow(tend(key)));
	const second = (): number => Math.floor(clock.now() / 1000);
	let isClosed = false;

	function follow(work: Promise<void>): void {
		const done = work.finally(() => running.delete(done));
		running.add(done);
	}

	/** Closes what is over; what is to come, and open, is looked at again then. */
	async function tend(key: string): Promise<void> {
		const [kind, id = ''] = key.split('/');
		try {
			const due = await store.read(async tx => {
				const offer = kind === 'offer' ? await tx.get(offers, id) : undefined;
				if (offer?.state === 'open') return lastSecond(offer);
				const bid = kind === 'bid' ? await tx.get(bids, id) : undefined;
				return bid?.state === 'waiting' ? lapsesAt(bid) : undefined;
			});
			if (due === undefined) return;
			if (due > second()) {
				agenda.set(key, due * 1000);
				return;
			}
			await store.transact(async tx => {
				if (kind === 'offer') return expireOffer(tx, id, second());
				// It may have been met or withdrawn.
				const bid = await tx.get(bids, id);
				if (bid?.state === 'waiting' && lapsesAt(bid) <= second())
					await withdrawBid(tx, { id, state: 'lapsed' }, second());
			});
			onChange();
		} catch (fault) {
			if (isClosed) return;
			logger.warn({ err: fault, key }, 'what is over could not be closed; it is tried again');
			agenda.set(key, clock.now() + retryAfter);
		}
	}

	return {
		async start() {
			const open = { where: { index: 'open', equals: 'yes' } };
			await store.read(async tx => {
				for (const { id, document } of await tx.list(offers, open))
					agenda.set(`offer/${id}`, lastSecond(document) * 1000);
				for (const { id, document } of await tx.list(bids, open))
					agenda.set(`bid/${id}`, lapsesAt(document) * 1000);
			});
		},
		offer: id => follow(tend(`offer/${id}`)),
		bid: id => follow(tend(`bid/${id}`)),
		async idle() {
			while (running.size > 0) await Promise.all(running);
		},
		async close() {
			isClosed = true;
			agenda.close();
			while (running.size > 0) await Promise.all(running);
		},
	};
}
