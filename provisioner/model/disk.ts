import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { bytes, hilName, moment, name } from './names.ts';

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
