const first = 500;
const longest = 60_000;

/** Milliseconds to wait before the n-th retry (from 1): doubled each time, a fifth more or less. */
export function backOff(retry: number, random: () => number): number {
	const plain = Math.min(longest, first * 2 ** Math.min(retry - 1, 16));
	return Math.round(plain * (0.8 + 0.4 * random()));
}
