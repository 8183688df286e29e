import type { LeasedServer } from './lease.ts';

/**
 * What a lease costs that does not go as agreed:
 *
 * - seconds in which a server is not there are not paid: late delivery, recall, giving back early;
 * - a tenth of the price of seconds that are lost goes to the other side, from whoever's doing it was that servers came late or
 *   not at all, and from whoever recalls them;
 * - whoever gives a server back early pays the shortest lease that its offer allows, and a tenth of the seconds after that.
 *
 * It comes out of what was held for the lease, as far as that is the culprit's; what is missing the culprit owes: ledger/claim.ts.
 * A tenth is rounded down to a whole microcredit.
 */
export const rules = {
	'late delivery':
		"the seconds until delivery are not paid; for those in which an owner's server was in the way, that owner gives a tenth of the price of all servers; for those in which the lessee's own project was, it pays each owner a tenth",
	recall: 'the seconds after it are not paid, and whoever recalls gives a tenth of their price',
	'early release':
		'the shortest lease of the offer is paid in full, and a tenth of the price of the seconds after that',
	'failed delivery':
		'nothing is paid but a tenth of the price, as for late delivery, for all of the lease, by whoever was in the way in the end',
	'refused by a policy':
		"where the site has a policy of its own, the same evidence is held against it: a server that does not meet it is its owner's doing; one that meets it, and that the lessee's policy refuses, is the lessee's, for the seconds until the delivery has failed and none after them",
	'what nobody did': 'where hil or the market itself was away, the seconds are not paid, and that is all',
	'what there is not':
		'compensation that the lease does not hold is taken from what the culprit can spend; the rest is a claim, paid out of whatever comes in for it next, oldest first',
	sublease: 'each compensates the one whom it let a server to, at the price between those two',
} as const;

const tenth = (microcredits: bigint): bigint => microcredits / 10n;

/** A tenth of the price of so many seconds of a server, at most of all that the lease has of it. */
export const forDelay = ({ price, until }: LeasedServer, start: number, seconds: number): bigint =>
	tenth(BigInt(price) * BigInt(Math.max(0, Math.min(seconds, until - start))));

/** Microcredits that the server's owner gets more, or less: it is back so many seconds sooner. */
export const forRecall = ({ price }: LeasedServer, lostSeconds: number): bigint =>
	-tenth(BigInt(price) * BigInt(lostSeconds));

/** `shortestEnd`: when the shortest lease that its offer allows would have ended. */
export function forRelease({ price, until }: LeasedServer, now: number, shortestEnd: number): bigint {
	const paidEnd = Math.min(until, Math.max(now, shortestEnd));
	return BigInt(price) * BigInt(paidEnd - now) + tenth(BigInt(price) * BigInt(until - paidEnd));
}
