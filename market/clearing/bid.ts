import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { choice } from '../calendar/choice.ts';
import { second } from '../calendar/interval.ts';
import { serverName } from '../calendar/server.ts';
import { projectName } from '../ledger/account.ts';
import { amountText } from '../ledger/money.ts';

/** What a project asks for when it bids: servers for `length` seconds on end, all from the same second on. */
export const bidTerms = z.strictObject({
	project: projectName,
	quantity: z.int().min(1).max(10_000),
	/** Which servers; those of an earlier lease of the project's, by its id. */
	servers: z.union([choice, z.strictObject({ sameAs: z.string().min(1).max(128) })]),
	/** Attestations that each has to be able to give. */
	attestations: z.array(z.string().min(1).max(64)).max(32),
	/** It begins at one of these seconds, both included. */
	earliest: second,
	latest: second,
	length: z.int().min(1),
	/** It is over by then; null: whenever. */
	deadline: second.nullable(),
	/** The most that a server may cost: microcredits for a second. */
	highest: amountText,
	/** False: fewer servers are better than none. */
	allOrNothing: z.boolean(),
});
export type BidTerms = z.output<typeof bidTerms>;

const lease = z.strictObject({
	/** `reserved`: to come or running; `settled`: over, and its owners are paid. */
	state: z.enum(['reserved', 'cancelled', 'settled']),
	project: projectName,
	/** The bid's idempotency key, which is its project's own, and the bid as JSON. */
	key: z.string(),
	asked: z.string(),
	servers: z
		.array(z.strictObject({ server: serverName, owner: projectName, offer: z.string(), price: amountText }))
		.min(1),
	start: second,
	end: second,
	/** Where the credits for it are held. */
	hold: z.string(),
	/** Microcredits: each server's price times the seconds. */
	cost: amountText,
	madeAt: second,
});
export type Lease = z.output<typeof lease>;
export const leases = defineCollection('clearing-leases', lease, {
	/** A project's keys are its own. */
	key: ({ project, key }) => `${project}/${key}`,
});
