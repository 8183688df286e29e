import { z } from 'zod';
import { priceText } from '../calendar/price.ts';
import { attestation, bidTerms, boot } from '../clearing/bid.ts';
import { leaseState } from '../lease/lease.ts';
import { roundLoss } from '../round/losses.ts';
import { round } from '../round/round.ts';

/** Seconds since the epoch. */
const second = z.int();
/** Decimal text. */
const credits = z.string();
const value = z.union([z.string(), z.number(), z.boolean()]);
const interval = z.strictObject({ start: second, end: second });
const next = z.string().optional();

export const me = z.strictObject({ name: z.string(), isAdmin: z.boolean(), projects: z.array(z.string()) });

export const server = z.strictObject({
	name: z.string(),
	owner: z.string(),
	properties: z.record(z.string(), value),
	attestations: z.array(z.string()),
});
export const servers = z.strictObject({ servers: z.array(server), next });

export const offer = z.strictObject({
	id: z.string(),
	project: z.string(),
	servers: z.array(z.string()),
	intervals: z.array(interval),
	price: priceText,
	shortest: z.int(),
	longest: z.int(),
	to: z.array(z.string()).nullable(),
	recallNotice: z.int().nullable(),
	/** Who leases them may offer them on: to these of whom it may go to, or to all of those. */
	sublease: z
		.strictObject({ to: z.array(z.string()).nullable() })
		.nullable()
		.optional(),
	/** The lease that it is made out of; whose the servers are, and who let them on before the project. */
	under: z.string().optional(),
	chain: z.array(z.string()).optional(),
	state: z.enum(['open', 'withdrawn', 'over']),
	madeAt: second,
});
export const offers = z.strictObject({ offers: z.array(offer), next });

export const bid = z.strictObject({
	id: z.string(),
	...bidTerms.shape,
	key: z.string(),
	state: z.enum(['waiting', 'leased', 'withdrawn', 'lapsed']),
	placedAt: second,
	lease: z.string().nullable(),
	/** In pieces: all that it became. */
	leases: z.array(z.string()).optional(),
});
export const bids = z.strictObject({ bids: z.array(bid), next });

export const lease = z.strictObject({
	id: z.string(),
	state: leaseState,
	project: z.string(),
	bid: z.string(),
	servers: z.array(
		z.strictObject({
			server: z.string(),
			owner: z.string(),
			offer: z.string(),
			/** The lease that it is let out of; whose it is, and who let it on before the owner named here. */
			under: z.string().optional(),
			chain: z.array(z.string()).optional(),
			price: priceText,
			until: second,
			isBack: z.boolean(),
		}),
	),
	start: second,
	end: second,
	/** What was agreed on; what is paid in the end can be less. */
	cost: credits,
	madeAt: second,
	deliveredAt: second.nullable(),
	/** What its servers boot from. */
	boot: boot.optional(),
	/** How its servers prove what they have booted; not at all when absent. */
	attestation: attestation.optional(),
	/** Whose doing it was that it came late, and for how many seconds. */
	delays: z.array(z.strictObject({ by: z.string(), seconds: z.int() })).optional(),
	/** Servers that were cut off, or taken from the project, during the lease: since when, why, and until when. */
	losses: z
		.array(
			z.strictObject({
				server: z.string(),
				at: second,
				until: second.nullable(),
				/** As the service that attests gives it; `NodeTaken`, `NodeReleased` and `NodeGone` are by hil. */
				code: z.string(),
				reason: z.string(),
			}),
		)
		.optional(),
	problem: z.string().nullable(),
});
export const leases = z.strictObject({ leases: z.array(lease), next });

const obstacle = z.enum([
	'other hardware',
	'attestation',
	'own',
	'not for you',
	'length',
	'price',
	'not free',
]);
const whyShape = {
	/** Servers that could be had at once, at most; for a bid in pieces, at some time. */
	most: z.int(),
	/** For a bid in pieces: server-seconds that could be had, at most. */
	seconds: z.int().optional(),
	/** How many offered servers each obstacle kept out; only the first one that applies is counted. */
	obstacles: z.partialRecord(obstacle, z.int()),
	/** The least price of what is right but for its price. */
	cheapest: priceText.optional(),
};
export const why = z.strictObject({
	...whyShape,
	/** `price`: it would pay less than that. `room`: at that price, the servers went where the gains were larger. */
	lastRound: roundLoss.optional(),
});
/** What became of a bid that was placed. */
export const placed = z.discriminatedUnion('outcome', [
	/** In pieces, there can be more leases. */
	z.strictObject({
		outcome: z.literal('leased'),
		bid: z.string(),
		lease,
		more: z.array(lease).optional(),
	}),
	z.strictObject({ outcome: z.literal('waiting'), bid: z.string() }),
	z.strictObject({ outcome: z.enum(['withdrawn', 'lapsed']), bid: z.string() }),
	z.strictObject({ outcome: z.literal('lost'), ...whyShape }),
]);

export const account = z.strictObject({
	project: z.string(),
	balance: credits,
	creditLine: credits,
	held: credits,
	available: credits,
	/** Beyond what it had, and what others owe it so. */
	owes: credits,
	isOwed: credits,
});
/** What one project owes another beyond what it had: paid out of what comes in. */
export const claims = z.strictObject({
	claims: z.array(
		z.strictObject({
			id: z.string(),
			debtor: z.string(),
			creditor: z.string(),
			amount: credits,
			left: credits,
			/** The lease that it is for. */
			of: z.string(),
			note: z.string(),
			/** ISO 8601. */
			at: z.string(),
		}),
	),
	next,
});
export const statement = z.strictObject({
	lines: z.array(
		z.strictObject({
			id: z.string(),
			at: z.string(),
			amount: credits,
			balance: credits,
			with: z.string(),
			kind: z.string(),
			of: z.string(),
			note: z.string(),
			hold: z.string().nullable(),
		}),
	),
	next,
});

export const prices = z.strictObject({
	days: z.array(
		z.strictObject({
			day: second,
			properties: z.record(z.string(), value),
			servers: z.int(),
			seconds: z.string(),
			/** Microcredits for a second: the mean, rounded down. */
			mean: z.string(),
			least: priceText,
			most: priceText,
			last: priceText,
		}),
	),
});

export const guides = z.strictObject({
	/** How they come about. */
	rule: z.string(),
	guides: z.array(
		z.strictObject({
			day: second,
			properties: z.record(z.string(), value),
			/** Microcredits for a second. */
			price: priceText,
			/** How many days it comes from, and the server-seconds that were leased on them. */
			days: z.int(),
			seconds: z.string(),
		}),
	),
});

export const calendar = z.strictObject({
	parts: z.array(z.strictObject({ start: second, end: second, offered: z.int(), leased: z.int() })),
});
export const serverCalendar = z.strictObject({
	server: z.string(),
	owner: z.string(),
	offered: z.array(z.strictObject({ start: second, end: second, price: priceText, offer: z.string() })),
	leased: z.array(interval),
});

export const rounds = z.strictObject({ rounds: z.array(round), next });

export const events = z.strictObject({
	events: z.array(z.strictObject({ id: z.string(), at: second, kind: z.string(), of: z.string() })),
	/** What to ask `after` next. */
	next: z.string(),
	/** Older events have made room: look at the records themselves. */
	gap: z.boolean(),
});

export const rules = z.record(z.string(), z.string());

export const problem = z.strictObject({
	type: z.string(),
	title: z.string(),
	status: z.int(),
	code: z.string(),
	detail: z.string(),
});
