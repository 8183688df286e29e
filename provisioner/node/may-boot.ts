import { type Clock, pause } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { bootings } from '../model/booting.ts';
import type { NodeAtHil } from './node-at-hil.ts';

export interface MayBootDeps {
	readonly store: Store;
	readonly nodes: Pick<NodeAtHil, 'projectOf'>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** Milliseconds that hil has to answer, while a node's firmware waits. */
const patience = 5000;

/** `unknown`: hil does not say now. */
export type MayBoot = 'yes' | 'no' | 'unknown';

/**
 * Whether a node that boots is still of the project that has it boot from here: by hil's word at that moment, since what it
 * reads is as good as the disk. Never rejects.
 */
export const createMayBoot =
	({ store, nodes, clock, logger }: MayBootDeps) =>
	async (node: string): Promise<MayBoot> => {
		const over = new AbortController();
		try {
			const booting = await store.read(tx => tx.get(bootings, node));
			if (!booting) return 'no';
			const late = pause(clock, patience, over.signal).then(() => {
				throw new Error(`hil says nothing for ${patience / 1000} s`);
			});
			return (await Promise.race([nodes.projectOf(node), late])) === booting.project ? 'yes' : 'no';
		} catch (err) {
			logger.warn({ err, node }, 'a node that boots waits: hil does not say whose it is');
			return 'unknown';
		} finally {
			over.abort();
		}
	};
