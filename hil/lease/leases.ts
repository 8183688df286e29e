import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { releaseNode } from '../core/departures.ts';
import { endedLeases } from '../core/leases.ts';
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

/** Ends leases: when the time has come, the node is released as if its project had asked for it. */
export interface Leases {
	/** A lease was made or changed. */
	wake(): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** However far away the next end is: somebody may set the system's clock. */
const longestSleep = 60_000;

export function createLeases({ store, world, onBegun, clock, logger }: LeasesDeps): Leases {
	let isWanted = false;
	let isClosed = false;
	let running: Promise<void> | undefined;
	let cancelTimer: () => void = () => undefined;

	function wake(): void {
		isWanted = true;
		if (running || isClosed) return;
		cancelTimer();
		running = run().finally(() => {
			running = undefined;
			if (isWanted) wake();
		});
	}

	async function run(): Promise<void> {
		isWanted = false;
		let next = longestSleep;
		try {
			const { due, nextEnd } = await store.read(tx => endedLeases(tx, clock.now()));
			for (const { node, project } of due) {
				const begun = await store.transact(tx => releaseNode(tx, { node, project }, world()));
				logger.info({ node, project }, 'a lease has ended: the node leaves its project');
				onBegun(begun);
			}
			if (nextEnd !== undefined) next = Math.max(1, Math.min(longestSleep, nextEnd - clock.now()));
		} catch (fault) {
			logger.warn({ err: fault }, 'a lease could not be ended; it is tried again');
			next = 1000;
		}
		if (!isClosed) cancelTimer = clock.after(next, wake);
	}

	const idle = async (): Promise<void> => {
		while (running) await running;
	};
	return {
		wake,
		idle,
		async close() {
			isClosed = true;
			cancelTimer();
			await idle();
		},
	};
}
