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

/** What is known of one key. */
export interface Mark {
	readonly failures: number;
	/** Milliseconds from now until the next attempt is looked at. */
	readonly wait: number;
	/** Milliseconds since the last failure. */
	readonly age: number;
}

/** Slows guessing down, by one key (an account, an address). Time is measured, so that setting the clock frees nobody. */
export interface Throttle {
	/** Milliseconds to wait before another attempt; 0 counts this attempt as a failure until it is forgiven. */
	attempt(key: string): number;
	/** Takes one attempt back. */
	forgive(key: string): void;
	/** Forgets all failures: the right password was given, or somebody who may has unlocked it. */
	clear(key: string): boolean;
	/** Milliseconds to wait, without counting anything. */
	wait(key: string): number;
	/** What is known of a key; undefined when that is nothing (any more). */
	mark(key: string): Mark | undefined;
	/** Keys with failures that count, the oldest first. */
	keys(): string[];
	/** What was known before a restart. */
	restore(key: string, mark: Mark): void;
}

const maxKeys = 10_000;

/** @param limits `memory`: quiet for this many milliseconds, and what happened before is forgotten; an hour when absent */
export function createThrottle(
	clock: Pick<Clock, 'elapsed'>,
	limits: ThrottleLimits & { readonly memory?: number },
): Throttle {
	const { memory = 60 * 60_000 } = limits;
	const marks = new Map<string, { failures: number; blockedUntil: number; lastAt: number }>();

	const wait = (key: string): number =>
		Math.ceil(Math.max(0, (marks.get(key)?.blockedUntil ?? Number.NEGATIVE_INFINITY) - clock.elapsed()));
	const mark = (key: string): Mark | undefined => {
		const found = marks.get(key);
		if (found === undefined) return undefined;
		const age = clock.elapsed() - found.lastAt;
		if (age < memory) return { failures: found.failures, wait: wait(key), age };
		marks.delete(key);
		return undefined;
	};
	const put = (key: string, failures: number, blockedUntil: number, lastAt: number): void => {
		marks.delete(key);
		marks.set(key, { failures, blockedUntil, lastAt });
		if (marks.size > maxKeys) marks.delete(marks.keys().next().value ?? key);
	};

	return {
		wait,
		mark,
		attempt(key) {
			const remaining = wait(key);
			if (remaining > 0) return remaining;
			const now = clock.elapsed();
			const failures = (mark(key)?.failures ?? 0) + 1;
			const excess = failures - limits.free;
			const delay = excess > 0 ? Math.min(limits.maxDelay, limits.delay * 2 ** (excess - 1)) : 0;
			put(key, failures, now + delay, now);
			return 0;
		},
		forgive(key) {
			const found = marks.get(key);
			if (found === undefined) return;
			if (found.failures <= 1) marks.delete(key);
			else marks.set(key, { ...found, failures: found.failures - 1, blockedUntil: Number.NEGATIVE_INFINITY });
		},
		clear: key => marks.delete(key),
		keys: () => [...marks.keys()].filter(key => mark(key) !== undefined),
		restore(key, { failures, wait: left, age }) {
			const now = clock.elapsed();
			if (age < memory) put(key, failures, now + Math.min(left, limits.maxDelay), now - age);
		},
	};
}

/** What counts as one guesser: an IPv4 address, or the /64 that one IPv6 host commands. */
export function networkOf(address: string | undefined): string {
	if (address === undefined) return 'unknown';
	if (!address.includes(':')) return address;
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
