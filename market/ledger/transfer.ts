import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { amountText, balanceText } from './money.ts';

/** Why credits moved. */
export const cause = z.strictObject({
	kind: z.enum(['grant', 'gift', 'bid', 'lease', 'refund', 'compensation', 'correction']),
	/** The id of what it was for: of a bid, a lease, an offer; empty where there is none. */
	of: z.string().max(128),
	note: z.string().max(500),
});
export type Cause = z.output<typeof cause>;

const transfer = z.strictObject({
	/**
	 * The same key never moves credits twice. The market's own begin with `lease/` or `claim/`: whoever takes keys from outside puts
	 * something else before them, with the caller's project, so that nobody's key is in another's way.
	 */
	key: z.string(),
	/** What was asked for under the key, as JSON: a key that comes again with something else is refused. */
	asked: z.string(),
	from: z.string(),
	to: z.string(),
	amount: amountText,
	/** Of either account, right after. */
	fromBalance: balanceText,
	toBalance: balanceText,
	/** The hold that it makes or draws on. */
	hold: z.string().nullable(),
	/** The claim that it pays, or some of it. */
	claim: z.string().optional(),
	cause,
	at: z.int().min(0),
});
/** Credits that moved from one account to another. Never changed, never deleted: a mistake is corrected by another one. */
export type Transfer = z.output<typeof transfer>;

/** By their number, see `transferId`: the order of ids is the order in which they came to pass. */
export const transfers = defineCollection('ledger-transfers', transfer, {
	key: ({ key }) => key,
	account: ({ from, to }) => [from, to],
});

/** The number of the last transfer, event or claim. */
export const counters = defineCollection('ledger-counters', z.strictObject({ last: z.int().min(0) }));

export const transferId = (number: number): string => number.toString().padStart(16, '0');
