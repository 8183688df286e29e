import { z } from 'zod';
import type { Logger } from '../log/logger.ts';
import { notLeading } from './errors.ts';
import { defineCollection, type Store } from './store.ts';

/** How often each role has got another leader: whoever wins it takes the next number. */
const terms = defineCollection('leader-terms', z.strictObject({ term: z.int().positive() }));

/** What a leader works with. */
export interface Lead {
	/** The store, but for transactions that are refused (NotLeading) from the moment on in which another process leads. */
	readonly store: Store;
	/**
	 * Throws NotLeading unless this process leads for certain: to be called right before what is done outside of the store, with
	 * nothing to wait for in between.
	 */
	check(): void;
}

export interface Led {
	/** Lets what is under way end; nothing begins from then on. */
	close(): Promise<void>;
}

export interface Leadership {
	isLeading(): boolean;
	/** Gives up the lead for good. */
	close(): Promise<void>;
}

/**
 * Has `lead` begin, in one process of all that have the store open, what only one may do at a time, and ends it where that
 * process does not lead any more. Another one leads within a second or two when this one has died, and within some ten when it hangs.
 *
 * One that hung and goes on would not know yet. So each leader has a number, which is looked at within each of its transactions:
 * as soon as another has taken the next one, nothing of the old leader's is written any more. Where a store is one process'
 * alone, that process leads at once, and a fault at the beginning is the caller's.
 */
export async function leadOne({
	store,
	role,
	lead,
	logger,
}: {
	readonly store: Store;
	/** One word, the same in all processes: `market`. */
	readonly role: string;
	readonly lead: (lead: Lead) => Promise<Led>;
	readonly logger: Logger;
}): Promise<Leadership> {
	const { others } = store;
	if (!others) {
		const led = await lead({ store, check: () => undefined });
		return { isLeading: () => true, close: () => led.close() };
	}
	let hasWon = false;
	let isClosed = false;
	let led: Led | undefined;
	let running: Promise<void> | undefined;
	const isDue = (): boolean => (hasWon && !isClosed) !== (led !== undefined);

	/** A leader's work is begun and ended one after the other, whatever comes meanwhile. */
	function settle(): void {
		if (running || !isDue()) return;
		running = (led ? end(led) : begin()).finally(() => {
			running = undefined;
			settle();
		});
	}

	async function end(ended: Led): Promise<void> {
		try {
			await ended.close();
		} catch (fault) {
			logger.error({ role, err: fault }, 'what this process led in could not be ended well');
		}
		led = undefined;
		logger.info({ role }, 'does not lead any more');
	}

	async function begin(): Promise<void> {
		try {
			const term = await store.transact(async tx => {
				const next = ((await tx.get(terms, role))?.term ?? 0) + 1;
				await tx.put(terms, role, { term: next });
				return next;
			});
			led = await lead({ store: fenced(term), check });
			logger.info({ role, term }, 'leads');
		} catch (fault) {
			logger.warn({ role, err: fault }, 'could not begin to lead; others may, and it is tried again');
			standing.resign();
		}
	}

	const check = (): void => {
		if (!standing.isHeld()) throw notLeading(role);
	};

	const fenced = (term: number): Store => ({
		...store,
		transact: work =>
			store.transact(async tx => {
				const current = await tx.get(terms, role);
				if (current?.term === term) return work(tx);
				standing.resign();
				throw notLeading(role);
			}),
	});

	const standing = others.stand(role, {
		won() {
			hasWon = true;
			settle();
		},
		lost() {
			hasWon = false;
			settle();
		},
	});
	await standing.tried;
	while (running) await running;
	return {
		isLeading: () => led !== undefined && standing.isHeld(),
		async close() {
			isClosed = true;
			settle();
			// What is under way ends before the next one begins.
			while (running) await running;
			await standing.standDown();
		},
	};
}
