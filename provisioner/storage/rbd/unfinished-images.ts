import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../common/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { VolumeId } from '../storage.ts';

const unfinished = /^[0-9a-f-]{36}\.unfinished\.[0-9a-f-]{36}$/;

/** Images of the pool that are being made: under names that nobody looks at until they are whole. */
export interface UnfinishedImages {
	nameFor(id: VolumeId): string;
	/** Removes one, at once if that can be done, else later: never throws. */
	discard(name: string): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds until the next attempt. */
const patience = 10_000;

/** Begins by discarding those that are left of another process, among all names of the pool. */
export function openUnfinishedImages(options: {
	readonly names: readonly string[];
	readonly remove: (name: string) => Promise<void>;
	readonly clock: Clock;
	readonly logger: Logger;
}): UnfinishedImages {
	const { names, remove, clock, logger } = options;
	const left = new Set<string>();
	let attempt: Promise<void> = Promise.resolve();
	let cancel: () => void = () => undefined;
	let isClosed = false;

	async function sweep(): Promise<void> {
		cancel();
		for (const name of left) {
			if (isClosed) return;
			try {
				await remove(name);
				left.delete(name);
			} catch (fault) {
				logger.warn({ err: fault, image: name }, 'what was not finished cannot be removed yet');
			}
		}
		if (left.size > 0 && !isClosed) cancel = clock.after(patience, () => void sweepInTurn());
	}
	function sweepInTurn(): Promise<void> {
		attempt = attempt.then(sweep, sweep);
		return attempt;
	}

	for (const name of names) if (unfinished.test(name)) left.add(name);
	if (left.size > 0) void sweepInTurn();
	return {
		nameFor: id => `${id}.unfinished.${randomUUID()}`,
		discard(name) {
			left.add(name);
			return sweepInTurn();
		},
		async close() {
			isClosed = true;
			cancel();
			await attempt;
		},
	};
}
