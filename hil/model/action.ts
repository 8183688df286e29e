import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label, moment } from './label.ts';
import { vlanId } from './network.ts';

const base = {
	/** Actions are taken in this order. */
	order: z.int(),
	node: label,
	nic: label,
	/** `switch/port`, and the switch alone. */
	port: z.string(),
	switch: label,
	/** The node's when it was asked; null for an administrator's work on a free node. */
	project: label.nullable(),
	type: z.enum(['modify_port', 'revert_port']),
	/** Empty when all channels are meant. */
	channel: z.string(),
	/** What comes onto the channel; null: nothing. */
	network: label.nullable(),
	vlan: vlanId.nullable(),
	askedAt: moment,
	/** How often the switch was asked, and what went wrong last. */
	attempts: z.int().min(0),
	error: z.string().nullable(),
};
const action = z.discriminatedUnion('status', [
	z.strictObject({ status: z.literal('PENDING'), ...base }),
	z.strictObject({ status: z.literal('DONE'), ...base, endedAt: moment }),
	z.strictObject({ status: z.literal('ERROR'), ...base, endedAt: moment }),
]);
/** A change of a port: journalled, then made by the worker of its switch. */
export type Action = z.output<typeof action>;
export type PendingAction = Extract<Action, { status: 'PENDING' }>;

/** Its indexes find what is pending; what has ended is found by its id. */
export const actions = defineCollection('actions', action, {
	node: ({ status, node }) => (status === 'PENDING' ? node : undefined),
	nic: ({ status, node, nic }) => (status === 'PENDING' ? `${node}/${nic}` : undefined),
	switch: document => (document.status === 'PENDING' ? document.switch : undefined),
	network: ({ status, network }) => (status === 'PENDING' && network !== null ? network : undefined),
	use: ({ status, network, project }) =>
		status === 'PENDING' && network !== null ? `${network}/${project}` : undefined,
	status: ({ status }) => status,
});

/** Numbers that only go up. */
export const counters = defineCollection('counters', z.strictObject({ next: z.int().min(0) }));
