import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { hilName, moment } from './names.ts';

/** What is told when a node is no longer trusted. */
const revocation = z.strictObject({
	kind: z.literal('revoked'),
	admission: z.string(),
	node: hilName,
	project: hilName,
	code: z.string(),
	reason: z.string(),
	at: moment,
});

/** What is told of a node's passage: it is in, or nowhere near the tenant's networks any more, as the switches say. */
const passed = z.strictObject({
	kind: z.enum(['inside', 'cut', 'rejected', 'returned']),
	passage: z.string(),
	admission: z.string().nullable(),
	node: hilName,
	project: hilName,
	code: z.string().nullable(),
	reason: z.string().nullable(),
	at: moment,
});

const notice = z.strictObject({
	told: z.discriminatedUnion('kind', [revocation, passed]),
	/** Of a subscription; null: the broker. */
	subscription: z.string().nullable(),
	/** When it is to be tried, and how often it has been. */
	dueAt: moment,
	attempts: z.int().min(0),
});
/** What somebody has still to hear of: kept until they have, or for a day. */
export type Notice = z.output<typeof notice>;
export const notices = defineCollection('notices', notice);

const subscription = z.strictObject({
	project: hilName,
	url: z.string(),
	addedAt: moment,
	addedBy: z.string(),
});
/** Who wants to hear of a project's nodes. */
export type Subscription = z.output<typeof subscription>;
export const subscriptions = defineCollection('subscriptions', subscription, {
	project: document => document.project,
});
