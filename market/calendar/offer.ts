import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { projectName } from '../ledger/account.ts';
import { choice } from './choice.ts';
import { interval, second } from './interval.ts';
import { priceText } from './price.ts';
import { serverName } from './server.ts';
import { weekly } from './weekly.ts';

/** When servers can be had: in one or several intervals, or at the same hours every week. */
const times = z.discriminatedUnion('type', [
	z.strictObject({ type: z.literal('once'), intervals: z.array(interval).min(1).max(1000) }),
	weekly,
]);

/** What an owner asks for when it offers. */
export const offerTerms = z.strictObject({
	project: projectName,
	servers: choice,
	times,
	/** The least that a server costs: microcredits for a second. */
	price: priceText,
	/** Seconds that a lease lasts at least and at most. */
	shortest: z.int().min(1),
	longest: z.int().min(1),
	/** Whom it may go to; null: anybody. */
	to: z.array(projectName).min(1).nullable(),
	/** Seconds after which the owner has a server back that it recalls; null: it does not recall. */
	recallNotice: z.int().min(0).nullable(),
	/** Whether those who lease them may offer them on: to whom this offer may go, or to these of them. Not at all when absent. */
	sublease: z
		.strictObject({ to: z.array(projectName).min(1).max(1000).nullable() })
		.nullable()
		.optional(),
	/** A lease of the project's: what it has of those servers is offered. The project's own servers when absent. */
	under: z.string().min(1).max(128).optional(),
});
export type OfferTerms = z.output<typeof offerTerms>;

const offer = z.strictObject({
	...offerTerms.shape,
	/** Under a lease: whose the servers are, and who has leased them from whom before this project. */
	chain: z.array(projectName).optional(),
	/** Those that were as the query said when the offer was made. */
	offered: z.array(serverName),
	/** The seconds that the times meant then. A zone may change its rules later: what is offered does not move. */
	intervals: z.array(interval),
	/** `over`: all of its times are past. */
	state: z.enum(['open', 'withdrawn', 'over']),
	madeAt: second,
});
export type Offer = z.output<typeof offer>;

export const offers = defineCollection('calendar-offers', offer, {
	project: ({ project }) => project,
	open: ({ state }) => (state === 'open' ? 'yes' : undefined),
	/** Open ones, by the lease that they are made out of. */
	under: ({ state, under }) => (state === 'open' ? under : undefined),
});
