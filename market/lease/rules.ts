import type { LeasedServer } from './lease.ts';

/**
 * What a lease costs that does not go as agreed. All of it comes out of what was held for it, so nobody owes anything:
 *
 * - seconds in which a server is not there are not paid: late delivery, recall, giving back early;
 * - a server that comes late, or is recalled, costs a tenth less for each such second, down to nothing;
 * - whoever gives a server back early pays the shortest lease that its offer allows, and a tenth of the seconds after that;
 * - a lease whose servers do not come at all costs nothing.
 *
 * A tenth is rounded down to a whole microcredit.
 */
export const rules = {
	'late delivery':
		'the seconds until delivery are not paid, and a tenth of their price is taken off the rest',
	recall: 'the seconds after it are not paid, and a tenth of their price is taken off the rest',
	'early release':
		'the shortest lease of the offer is paid in full, and a tenth of the price of the seconds after that',
	'failed delivery': 'nothing is paid',
} as const;

const tenth = (microcredits: bigint): bigint => microcredits / 10n;

/** Microcredits that a server gets more (or less) when it is there from `from` seconds late. */
export const forLateness = ({ price }: LeasedServer, seconds: number): bigint =>
	-tenth(BigInt(price) * BigInt(seconds));

export const forRecall = ({ price }: LeasedServer, lostSeconds: number): bigint =>
	-tenth(BigInt(price) * BigInt(lostSeconds));

/** `shortestEnd`: when the shortest lease that its offer allows would have ended. */
export function forRelease({ price, until }: LeasedServer, now: number, shortestEnd: number): bigint {
	const paidEnd = Math.min(until, Math.max(now, shortestEnd));
	return BigInt(price) * BigInt(paidEnd - now) + tenth(BigInt(price) * BigInt(until - paidEnd));
}

/** Microcredits that its owner is owed when it has gone back; never below nothing. */
export function owedFor({ price, until, extra }: LeasedServer, deliveredAt: number | null): bigint {
	if (deliveredAt === null) return 0n;
	const owed = BigInt(price) * BigInt(Math.max(0, until - deliveredAt)) + BigInt(extra);
	return owed > 0n ? owed : 0n;
}
