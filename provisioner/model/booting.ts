import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { hilName, moment } from './names.ts';

const bootMac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
export const furtherNic = z.strictObject({ network: hilName, nic: hilName, mac: bootMac });
/** A NIC and the provisioning network that it is on. */
export type NicOn = z.output<typeof furtherNic>;

export const booting = z.strictObject({
	node: hilName,
	project: hilName,
	/** Its disks, by their ids: LUN 1, from which it boots, LUN 2 and so on. */
	disks: z.array(z.string()).min(1),
	/** What it goes back to when its rescue is over; null: it is not being rescued. */
	rescued: z.array(z.string()).nullable(),
	/** hil's name of the provisioning network, and of the NIC that is on it. */
	network: hilName,
	nic: hilName,
	mac: bootMac,
	/** Further NICs, each on a provisioning network of its own, by which it gets at the same disks. */
	further: z.array(furtherNic).default([]),
	/** Names of its target and of itself there. */
	iqn: z.string(),
	initiator: z.string(),
	/** What it proves itself by, sealed. */
	chap: z.string(),
	hostname: z.string(),
	keys: z.array(z.string()),
	/** Sealed: it may hold secrets. */
	userData: z.string().nullable(),
	/** The operation that has booted it last. */
	operation: z.string().nullable().default(null),
	since: moment,
});
/** A node that boots from a disk of ours: served as long as this is recorded. By the node's name. */
export type Booting = z.output<typeof booting>;
export const bootings = defineCollection('bootings', booting, {
	project: ({ project }) => project,
	disk: ({ disks }) => disks,
	mac: ({ mac, further }) => [mac, ...further.map(each => each.mac)],
});

/** Every NIC by which it gets at its disks, the one first that it was asked to boot by. */
export const nicsOf = ({
	network,
	nic,
	mac,
	further,
}: NicOn & Pick<Booting, 'further'>): readonly NicOn[] => [{ network, nic, mac }, ...further];
