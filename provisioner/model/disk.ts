import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { bytes, hilName, moment, name } from './names.ts';

/** What a suspended node is made again from. */
const suspended = z.strictObject({
	/** hil's query for nodes of its kind. */
	where: z.string(),
	network: hilName,
	/** NICs with their networks, when there were several. */
	nics: z.array(z.strictObject({ network: hilName, nic: hilName })).default([]),
	hostname: z.string(),
	keys: z.array(z.string()),
	/** Sealed. */
	userData: z.string().nullable(),
});
export type Suspended = z.output<typeof suspended>;

const disk = z.strictObject({
	project: hilName,
	name,
	/** The image that it is a copy-on-write clone of. */
	image: z.string(),
	/** `making`: not there yet; `leaving`: being removed. Neither can be used. */
	state: z.enum(['making', 'ready', 'leaving']),
	/** As a machine sees it. */
	size: bytes,
	/** The node that it is meant for; null: saved, to be attached to any. */
	node: hilName.nullable(),
	/** How the node was that it was suspended with; null: it was not. */
	suspended: suspended.nullable(),
	madeAt: moment,
});
export type Disk = z.output<typeof disk>;

/** By a fresh id, which the storage knows the bytes by. */
export const disks = defineCollection('disks', disk, {
	project: document => document.project,
	name: document => `${document.project}/${document.name}`,
	image: document => document.image,
	node: document => document.node ?? undefined,
	state: document => (document.state === 'ready' ? undefined : document.state),
});
