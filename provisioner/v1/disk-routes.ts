import { z } from 'zod';
import { beginDisk, findWholeDisk, leaveDisk, listDisks, showDisk } from '../core/disks.ts';
import { beginImage } from '../core/images.ts';
import { hilName, name, reference } from '../model/names.ts';
import { begins, type ProvisionerRoute, reads } from './route.ts';
import * as views from './views.ts';

export const diskRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/disks',
		action: 'disk.list',
		summary: "The disks of the asker's projects",
		body: { project: hilName.optional() },
		answer: views.disks,
		verb: async (tx, args, world) => ({ disks: await listDisks(tx, args, world) }),
	}),
	begins('POST', {
		path: '/disks',
		action: 'disk.create',
		summary: 'Make a disk: a copy-on-write clone of an image, which copies nothing',
		body: { project: hilName, name, image: reference },
		verb: async (tx, args, world, ask) => {
			const { id, image } = await beginDisk(tx, args, world);
			return ask({ kind: 'disk.create', project: args.project, disk: id, input: { image } });
		},
	}),
	reads({
		path: '/disks/{disk}',
		action: 'disk.show',
		summary: 'A disk by its id, or by [project/]name with the slash encoded',
		answer: views.disk,
		verb: showDisk,
	}),
	begins('DELETE', {
		path: '/disks/{disk}',
		action: 'disk.delete',
		summary: 'Delete a disk; refused while a node has it',
		verb: async (tx, args, world, ask) => {
			const { id, project } = await leaveDisk(tx, args, world);
			return ask({ kind: 'disk.delete', project, disk: id });
		},
	}),
	begins('POST', {
		path: '/disks/{disk}/snapshot',
		action: 'disk.snapshot',
		summary: 'Make an image of what a disk holds now, also while a node writes to it (crash-consistent)',
		body: { name, description: z.string().max(1000).optional() },
		verb: async (tx, args, world, ask) => {
			const { id: disk, document } = await findWholeDisk(tx, args, world);
			const { project } = document;
			const origin = { from: 'disk', disk: document.name, of: document.image } as const;
			const { name: own, description } = args;
			const wanted = { project, name: own, description, origin, parent: document.image };
			const image = await beginImage(tx, wanted, world);
			return ask({ kind: 'disk.snapshot', project, image, disk, input: { disk } });
		},
	}),
];
