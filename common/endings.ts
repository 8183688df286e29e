import type { Clock } from './clock.ts';

/** Lets callers wait until something is told of: that an action has come to an end, that an operation has got on, instead of asking again and again. */
export interface Endings {
	/** It has come to an end, or has got on. */
	tell(id: string): void;
	/** Resolves when it is told of, or after `ms` milliseconds. `cancel` ends it sooner. */
	wait(id: string, ms: number): { readonly over: Promise<void>; cancel(): void };
	/** Ends all waiting. */
	close(): void;
}

export function createEndings(clock: Clock): Endings {
	const waiting = new Map<string, Set<() => void>>();
	const endAll = (ends: Iterable<() => void>): void => {
		for (const end of [...ends]) end();
	};
	return {
		tell: id => endAll(waiting.get(id) ?? []),
		wait(id, ms) {
			let end: () => void = () => undefined;
			const over = new Promise<void>(resolve => {
				end = resolve;
			});
			const own = waiting.get(id) ?? new Set();
			const cancelTimer = clock.after(ms, () => cancel());
			const cancel = (): void => {
				cancelTimer();
				own.delete(cancel);
				if (own.size === 0) waiting.delete(id);
				end();
			};
			waiting.set(id, own.add(cancel));
			return { over, cancel };
		},
		close: () => endAll([...waiting.values()].flatMap(own => [...own])),
	};
}
