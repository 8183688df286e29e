import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { second } from '../calendar/interval.ts';
import { balanceText } from '../ledger/money.ts';

const pool = z.strictObject({
	/** Microcredits for a second of a server; null when nothing was leased. */
	price: z.string().nullable(),
	/** Bids that took part, that were met, and servers that they got. */
	bids: z.int(),
	met: z.int(),
	servers: z.int(),
	/** Microcredits that buyers and sellers have of it together, and the most that any awards could have had. */
	gains: balanceText,
	bound: balanceText,
	by: z.enum(['exact', 'greedy']),
});

export const round = z.strictObject({
	at: second,
	/** Bids and servers that would have nothing of each other are cleared apart, each at a price of their own. */
	pools: z.array(pool),
	/** Bids in pieces, which have what the pools have left; absent when there were none. The bound is of what was left. */
	pieces: z
		.strictObject({ bids: z.int(), met: z.int(), leases: z.int(), gains: balanceText, bound: balanceText })
		.optional(),
	/** Awards that no longer could be when they were to be written: withdrawn, or leased meanwhile. */
	overtaken: z.int(),
});
export type Round = z.output<typeof round>;
/** By when they were: the order of the ids is that of the rounds. */
export const rounds = defineCollection('rounds', round);
export const roundId = (at: number): string => at.toString().padStart(12, '0');
