import { isIPv6 } from 'node:net';
import type { Clock } from '../../common/clock.ts';

export interface ThrottleLimits {
	/** Failures that cost nothing. */
	readonly free: number;
	/** Milliseconds of waiting after the first failure that is not free; doubles with each further one. */
	readonly delay: number;
	/** Milliseconds; the longest wait. */
	readonly maxDelay: number;
}

/** Slows guessing down, by one key (an account, an address). */
export interface Throttle {
	/** Milliseconds to wait before another attempt; 0 counts this attempt as a failure until it is forgiven. */
	attempt(key: string): number;
	/** Takes one attempt back. */
	forgive(key: string): void;
	/** Forgets all failures: the right password was given. */
	clear(key: string): void;
	/** Milliseconds to wait, without counting anything. */
	wait(key: string): number;
}

/** Quiet for this long, and what happened before is forgotten. */
const memory = 60 * 60_000;
const maxKeys = 10_000;

export function createThrottle(clock: Clock, limits: ThrottleLimits): Throttle {
	const marks = new Map<string, { failures: number; blockedUntil: number; lastAt: number }>();

	const wait = (key: string): number => Math.max(0, (marks.get(key)?.blockedUntil ?? 0) - clock.now());

	return {
		wait,
		attempt(key) {
			const remaining = wait(key);
			if (remaining > 0) return remaining;
			const now = clock.now();
			const before = marks.get(key);
			const failures = before && now - before.lastAt < memory ? before.failures + 1 : 1;
			const excess = failures - limits.free;
			const delay = excess > 0 ? Math.min(limits.maxDelay, limits.delay * 2 ** (excess - 1)) : 0;
			marks.delete(key);
			marks.set(key, { failures, blockedUntil: now + delay, lastAt: now });
			if (marks.size > maxKeys) marks.delete(marks.keys().next().value ?? key);
			return 0;
		},
		forgive(key) {
			const mark = marks.get(key);
			if (mark === undefined) return;
			if (mark.failures <= 1) marks.delete(key);
			else marks.set(key, { ...mark, failures: mark.failures - 1, blockedUntil: 0 });
		},
		clear: key => void marks.delete(key),
	};
}

/** What counts as one guesser: an IPv4 address, or the /64 that one IPv6 host commands. */
export function networkOf(address: string | undefined): string {
	if (address === undefined) return 'unknown';
	const plain = address.replace(/^::ffff:(?=[0-9]+\.)/i, '').replace(/%.*$/, '');
	if (!isIPv6(plain)) return plain;
	const [head = '', tail] = plain.toLowerCase().split('::');
	const groups = head === '' ? [] : head.split(':');
	const after = tail ? tail.split(':') : [];
	while (tail !== undefined && groups.length + after.length < 8) groups.push('0');
	return `${[...groups, ...after]
		.slice(0, 4)
		.map(group => group.replace(/^0+(?=.)/, ''))
		.join(':')}::/64`;
}
