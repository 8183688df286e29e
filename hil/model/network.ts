import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label } from './label.ts';

/** IEEE 802.1Q: 0 is a priority tag, 4095 reserved. */
export const vlanId = z.int().min(1).max(4094);

const network = z.strictObject({
	label,
	/** Null: the administrators'. */
	owner: label.nullable(),
	/** Null: public. An empty list is nobody: taking the last project away never opens a network. */
	access: z.array(label).nullable(),
	/** Whether its VLAN is of the pool. */
	allocated: z.boolean(),
	vlan: vlanId,
});
export type Network = z.output<typeof network>;
export const networks = defineCollection('networks', network, {
	owner: document => document.owner ?? undefined,
	access: document => document.access ?? [],
	visibility: document => (document.access === null ? 'public' : 'private'),
});

/** Every VLAN of the pool, and every other one that a network has: by the id, each is there once. */
const vlan = z.strictObject({ vlan: vlanId, network: label.nullable(), pool: z.boolean() });
export const vlans = defineCollection('vlans', vlan, {
	state: document => (document.network === null ? 'free' : 'taken'),
});
/** In the order of the numbers. */
export const vlanKey = (id: number): string => String(id).padStart(4, '0');

const attachment = z.strictObject({
	node: label,
	/** The NIC's own name. */
	nic: label,
	/** The node's, which it cannot leave while this is there. */
	project: label,
	network: label,
	/** `vlan/native` or `vlan/<number>`. */
	channel: z.string(),
	vlan: vlanId,
});
export type Attachment = z.output<typeof attachment>;
export const attachments = defineCollection('attachments', attachment, {
	node: document => document.node,
	nic: document => `${document.node}/${document.nic}`,
	network: document => document.network,
	use: document => `${document.network}/${document.project}`,
});
/** One network a channel: the id says so. */
export const attachmentId = (of: Pick<Attachment, 'node' | 'nic' | 'channel'>): string =>
	`${of.node}/${of.nic}/${of.channel}`;

export const nativeChannel = 'vlan/native';
/** The channels that a network can be attached on: HIL's names. */
export const channelsOf = (of: Pick<Network, 'vlan'>): string[] => [nativeChannel, `vlan/${of.vlan}`];
