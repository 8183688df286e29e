import type { Interval } from '../calendar/interval.ts';

/** A server that a bid could have, at some time. */
export interface Candidate {
	readonly server: string;
	readonly offer: string;
	readonly owner: string;
	/** When the offer was made, in seconds since the epoch. */
	readonly offeredAt: number;
	/** Microcredits for a second. */
	readonly price: bigint;
	/** A stretch in which it is offered and not leased. */
	readonly free: Interval;
}

export interface Wish {
	readonly quantity: number;
	readonly earliest: number;
	readonly latest: number;
	readonly length: number;
	readonly deadline: number | null;
	readonly allOrNothing: boolean;
}

export interface Match {
	readonly start: number;
	readonly taken: readonly Candidate[];
}

/**
 * The servers and the start that suit the wish best: as many servers as it asks for, or can be had if fewer will do; of those
 * the cheapest; of those the earliest start; and among servers of the same price those that were offered first, then by the
 * offer's id and the server's name. `most` is how many could be had at once, at most.
 */
export function matchWish(
	wish: Wish,
	candidates: readonly Candidate[],
): { readonly match?: Match; readonly most: number } {
	const possible = candidates
		.map(candidate => ({ candidate, ...startsOf(wish, candidate) }))
		.filter(({ first, last }) => first <= last)
		.sort((a, b) => compare(a.candidate, b.candidate));
	let best: (Match & { cost: bigint }) | undefined;
	let most = 0;
	// Between one server's first start and the next one's, servers only drop out: no other start can be better.
	const starts = [...new Set(possible.map(({ first }) => first))].sort((a, b) => a - b);
	for (const start of starts) {
		const there = possible.filter(({ first, last }) => first <= start && start <= last);
		most = Math.max(most, there.length);
		const taken = there.slice(0, wish.quantity).map(({ candidate }) => candidate);
		if (wish.allOrNothing && taken.length < wish.quantity) continue;
		const cost = taken.reduce((sum, { price }) => sum + price, 0n);
		const isBetter =
			!best || taken.length > best.taken.length || (taken.length === best.taken.length && cost < best.cost);
		if (isBetter) best = { start, taken, cost };
	}
	return { most, ...(best && { match: { start: best.start, taken: best.taken } }) };
}

/** The first and the last second at which it could begin with this server. */
export function startsOf(
	{ earliest, latest, length, deadline }: Pick<Wish, 'earliest' | 'latest' | 'length' | 'deadline'>,
	{ free }: Pick<Candidate, 'free'>,
): { readonly first: number; readonly last: number } {
	const end = deadline === null ? free.end : Math.min(free.end, deadline);
	return { first: Math.max(earliest, free.start), last: Math.min(latest, end - length) };
}

function compare(a: Candidate, b: Candidate): number {
	if (a.price !== b.price) return a.price < b.price ? -1 : 1;
	return a.offeredAt - b.offeredAt || byText(a.offer, b.offer) || byText(a.server, b.server);
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
