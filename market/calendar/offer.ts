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
});
export type OfferTerms = z.output<typeof offerTerms>;

const offer = z.strictObject({
	...offerTerms.shape,
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
});
