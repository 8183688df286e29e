import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { strays } from '../core/usage.ts';
import type { Storage } from '../storage/storage.ts';

export interface Collected {
	readonly removed: readonly string[];
	/** Bytes that this gave. */
	readonly bytes: number;
	/** Strays that are left: something is made of them, or has them open. */
	readonly kept: readonly string[];
}

interface CollectDeps {
	readonly store: Store;
	readonly storage: Pick<Storage, 'usage' | 'remove'>;
	readonly logger: Logger;
}

/** Removes volumes that no record knows; with `among` only those of them. What was made of one goes before it. */
export async function collect(
	{ store, storage, logger }: CollectDeps,
	among?: ReadonlySet<string>,
): Promise<Collected> {
	const { volumes } = await storage.usage();
	const found = await store.read(tx => strays(tx, volumes));
	let left = among ? found.filter(id => among.has(id)) : found;
	const removed: string[] = [];
	const faults = new Map<string, unknown>();
	for (let before = -1; before !== left.length; ) {
		before = left.length;
		faults.clear();
		for (const id of left) {
			try {
				await storage.remove(id);
				removed.push(id);
				const { own = 0, parent = null } = volumes.get(id) ?? {};
				logger.info({ volume: id, bytes: own, parent }, 'a volume that no record knows is removed');
			} catch (fault) {
				faults.set(id, fault);
			}
		}
		left = [...faults.keys()];
	}
	for (const [volume, err] of faults)
		logger.warn({ err, volume }, 'a volume that no record knows cannot be removed');
	const bytes = removed.reduce((sum, id) => sum + (volumes.get(id)?.own ?? 0), 0);
	return { removed, bytes, kept: left };
}

/**
 * Collects every so many milliseconds what was a stray the time before as well. So it stands in the log for a while
 * before it is gone: records may be missing because they were put back from an older copy. It looks at once.
 */
export function collectRegularly(
	deps: CollectDeps & { readonly every: number; readonly clock: Clock },
): Woken {
	const { store, storage, every, clock, logger } = deps;
	let known: ReadonlySet<string> = new Set();
	async function look(): Promise<void> {
		if (known.size > 0) await collect(deps, known);
		const { volumes } = await storage.usage();
		const found = await store.read(tx => strays(tx, volumes));
		for (const id of found) {
			if (known.has(id)) continue;
			const { own: bytes, parent } = volumes.get(id) ?? { own: 0, parent: null };
			const hours = every / 3_600_000;
			logger.warn(
				{ volume: id, bytes, parent, hours },
				'no record knows a volume: it is removed the next time',
			);
		}
		known = new Set(found);
	}
	const woken = createWoken(clock, async () => {
		await look().catch(fault =>
			logger.warn({ err: fault }, 'what no record knows could not be collected; it is tried again'),
		);
		return every;
	});
	woken.wake();
	return woken;
}
