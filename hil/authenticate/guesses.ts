import type { Clock } from '../../common/clock.ts';

/** Failures that cost nothing, and milliseconds that each further one costs: doubled up to the longest. */
const free = 5;
const first = 1000;
const longest = 5 * 60_000;
/** Entries that are remembered; the oldest make room. */
const most = 10_000;

/** Makes guessing slow: who fails often has to wait, by name and address, and by name alone ten times later. */
export interface Guesses {
	/** Milliseconds to wait; 0: may try. */
	wait(name: string, address: string): number;
	failed(name: string, address: string): void;
	succeeded(name: string, address: string): void;
}

export function createGuesses(clock: Clock): Guesses {
	const entries = new Map<string, { failures: number; until: number }>();
	const keys = (name: string, address: string): [key: string, free: number][] => [
		[JSON.stringify([name, address]), free],
		// From many addresses at once: later, so that nobody shuts another one out cheaply.
		[JSON.stringify([name]), free * 10],
	];
	return {
		wait: (name, address) =>
			Math.max(0, ...keys(name, address).map(([key]) => (entries.get(key)?.until ?? 0) - clock.elapsed())),
		failed(name, address) {
			for (const [key, allowed] of keys(name, address)) {
				const failures = (entries.get(key)?.failures ?? 0) + 1;
				const over = failures - allowed;
				const wait = over < 0 ? 0 : Math.min(longest, first * 2 ** Math.min(over, 20));
				entries.delete(key);
				entries.set(key, { failures, until: clock.elapsed() + wait });
			}
			for (const key of entries.keys()) {
				if (entries.size <= most) break;
				entries.delete(key);
			}
		},
		succeeded(name, address) {
			entries.delete(JSON.stringify([name, address]));
		},
	};
}
