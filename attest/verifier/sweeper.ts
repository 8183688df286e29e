import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { admissions, secondOf } from '../model/admission.ts';
import { apply } from './admissions.ts';

export interface SweeperDeps {
	readonly store: Store;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly onRevoked: () => void;
}

const pace = 1000;
/** Seconds that are looked at one by one; after a longer break everything is. */
const mostSeconds = 120;

/**
 * Ends admissions whose time is over, and tells of those that were attested: a node that falls silent is cut off as one
 * that shows something bad is. Looks only at what falls due, and may run in several processes.
 */
export function createSweeper({ store, clock, logger, onRevoked }: SweeperDeps): Woken {
	let swept: number | undefined;

	async function dueIds(now: number): Promise<readonly string[]> {
		const until = Math.floor(now / 1000);
		const from = swept;
		if (from === undefined || until - from > mostSeconds) {
			const open = await store.read(tx => tx.list(admissions, { where: { index: 'open', equals: 'yes' } }));
			return open.filter(({ document }) => 'until' in document && document.until <= now).map(({ id }) => id);
		}
		const ids: string[] = [];
		for (let second = from; second <= until; second++) {
			const where = { index: 'due', equals: secondOf(second * 1000) };
			for (const { id } of await store.read(tx => tx.list(admissions, { where }))) ids.push(id);
		}
		return ids;
	}

	return createWoken(clock, async () => {
		const now = clock.now();
		try {
			for (const id of await dueIds(now)) {
				const after = await store.transact(tx => apply(tx, id, { kind: 'time' }, now));
				if (after.state !== 'revoked' || after.endedAt !== now) continue;
				logger.warn(
					{ admission: id, node: after.node },
					'a node has fallen silent and is no longer attested',
				);
				onRevoked();
			}
			// What falls due within this second is looked at again in the next.
			swept = Math.floor(now / 1000);
		} catch (err) {
			logger.error({ err }, 'what falls due cannot be read; it is tried again');
		}
		return pace;
	});
}
