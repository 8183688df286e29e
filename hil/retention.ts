import type { Clock } from '../common/clock.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Store } from '../common/store/store.ts';
import { createWoken, type Woken } from '../common/woken.ts';
import { pruneActions } from './core/prune.ts';

/** Milliseconds between two looks. */
const every = 3_600_000;

/** Forgets what has ended `keep` milliseconds after it was asked for, so that the store does not grow for ever. */
export function createRetention(deps: {
	readonly store: Store;
	readonly keep: number;
	readonly clock: Clock;
	readonly logger: Logger;
}): Woken {
	const { store, keep, clock, logger } = deps;
	return createWoken(clock, async () => {
		await pruneActions(store, clock.now() - keep).catch(fault =>
			logger.warn({ err: fault }, 'what has ended could not be forgotten; it is tried again'),
		);
		return every;
	});
}
