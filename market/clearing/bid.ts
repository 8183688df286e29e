import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { choice } from '../calendar/choice.ts';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';
import { projectName } from '../ledger/account.ts';
import { scheduleRule, step } from './schedule.ts';

/** What leased servers boot from, each from a disk of its own: an image of the provisioner's. */
export const boot = z.strictObject({
	/** `[project/]name[@version]`; without a project, one of the bidder's own. */
	image: z.string().min(1).max(256),
	/** Public SSH keys, as OpenSSH writes them. */
	keys: z.array(z.string().min(1).max(8192)).max(16).optional(),
});
export type Boot = z.output<typeof boot>;

/** hil's names. */
const name = z.string().min(1).max(128);

/** How leased servers prove what they have booted, before their project has them. */
export const attestation = z.discriminatedUnion('by', [
	/** Not at all. */
	z.strictObject({ by: z.literal('none') }),
	/** By a service of the lessee's, after they are handed over. */
	z.strictObject({ by: z.literal('own') }),
	/** Each comes through the airlock of the provider's service. */
	z.strictObject({
		by: z.literal('provider'),
		/** The project's policy of this name; absent, the node's own or the project's default. */
		policy: name.optional(),
		/** Networks of the project's that each is put on then: it goes on proving itself from there. */
		networks: z
			.array(z.strictObject({ nic: name, network: name, channel: z.string().min(1).max(32).optional() }))
			.min(1)
			.max(64),
		/** Each is let in only when the project has released to it, at that service, what it is to have: nothing of it comes here. */
		payload: z.boolean().optional(),
	}),
]);
export type Attestation = z.output<typeof attestation>;

/** What a project asks for when it bids: servers for `length` seconds on end, all from the same second on. */
export const bidTerms = z.strictObject({
	project: projectName,
	quantity: z.int().min(1).max(10_000),
	/** Which servers; those of an earlier lease of the project's, by its id. */
	servers: z.union([choice, z.strictObject({ sameAs: z.string().min(1).max(128) })]),
	/** Attestations that each has to be able to give. */
	attestations: z.array(z.string().min(1).max(64)).max(32),
	/**
	 * The servers need not be there at once, nor be the same: `quantity` times `length` seconds in all will do, in leases of one
	 * server each, none of them shorter than this.
	 */
	pieces: z.strictObject({ shortest: z.int().min(1).max(315_360_000) }).optional(),
	/** It begins at one of these seconds, both included. */
	earliest: second,
	latest: second,
	/** At most ten years. */
	length: z.int().min(1).max(315_360_000),
	/** It is over by then; null: whenever. */
	deadline: second.nullable(),
	/** The most that a server may cost: microcredits for a second. */
	highest: priceText,
	/** When it begins at some times, a server may cost less than that. */
	schedule: z.array(scheduleRule).max(32).optional(),
	/** False: fewer servers are better than none. */
	allOrNothing: z.boolean(),
	/** It waits for servers until then, its credits held; null: now or never. */
	waitUntil: second.nullable(),
	/** What they boot from when they are handed over; off and as they are when absent. */
	boot: boot.optional(),
	/** By nobody when absent. */
	attestation: attestation.optional(),
});
export type BidTerms = z.output<typeof bidTerms>;

const bid = z.strictObject({
	terms: bidTerms,
	/** The idempotency key, which is its project's own. */
	key: z.string(),
	/** `lapsed`: what it waited for did not come in time. */
	state: z.enum(['waiting', 'leased', 'withdrawn', 'lapsed']),
	placedAt: second,
	/** What its schedule meant when it was placed: if a time zone changes its rules later, what was bid does not move. */
	steps: z.array(step).optional(),
	/** Where the most that it could cost is held while it waits. */
	hold: z.string().nullable(),
	/** What it became. */
	lease: z.string().nullable(),
	/** In pieces: all that it became, `lease` being the first. */
	leases: z.array(z.string()).optional(),
});
export type Bid = z.output<typeof bid>;
/** Bids that wait, and those that became leases; one that loses on arrival is not kept. */
export const bids = defineCollection('clearing-bids', bid, {
	/** A project's keys are its own. */
	key: ({ key, terms }) => `${terms.project}/${key}`,
	project: ({ terms }) => terms.project,
	open: ({ state }) => (state === 'waiting' ? 'yes' : undefined),
});

/** When a bid that waits is over: it cannot begin later, or is not to wait longer. */
export const lapsesAt = ({ terms: { waitUntil, latest } }: Bid): number =>
	Math.min(waitUntil ?? latest, latest);
