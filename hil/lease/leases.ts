import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { endedLeases, endLease } from '../core/leases.ts';
import type { World } from '../core/world.ts';

export interface LeasesDeps {
	readonly store: Store;
	/** For what the service itself asks. */
	readonly world: () => World;
	/** A node has begun to leave: the id of its departure. */
	readonly onBegun: (begun: { readonly id: string; readonly node: string }) => void;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** However far away the next end is: somebody may set the system's clock. */
const longestSleep = 60_000;
const retryAfter = 1000;

/**
 * Ends leases: when the time has come, the node is released as if its project had asked for it. Woken when a lease was
 * made or changed.
 */
export function createLeases({ store, world, onBegun, clock, logger }: LeasesDeps): Woken {
	return createWoken(clock, async () => {
		try {
			const { due, nextEnd } = await store.read(tx => endedLeases(tx, clock.now()));
			for (const node of due) {
				const begun = await store.transact(tx => endLease(tx, node, world()));
				if (!begun) continue;
				const { id, project } = begun;
				logger.info({ node, project }, 'a lease has ended: the node leaves its project');
				onBegun({ id, node });
			}
			return Math.min(longestSleep, (nextEnd ?? Number.POSITIVE_INFINITY) - clock.now());
		} catch (fault) {
			logger.warn({ err: fault }, 'a lease could not be ended; it is tried again');
			return retryAfter;
		}
	});
}
