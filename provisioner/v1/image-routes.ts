import { z } from 'zod';
import { beginImage, changeImage, leaveImage, listImages, showImage } from '../core/images.ts';
import { checkedSource, shownSource } from '../image/download.ts';
import { visibility } from '../model/image.ts';
import { hilName, name } from '../model/names.ts';
import { format, sha256 } from '../model/upload.ts';
import { begins, changes, type ProvisionerRoute, reads } from './route.ts';
import * as views from './views.ts';

export const imageRoutes = (): readonly ProvisionerRoute[] => [
	reads({
		path: '/images',
		action: 'image.list',
		summary: 'The images that the asker may make disks of: own ones, shared ones, public ones',
		body: { project: hilName.optional() },
		answer: views.images,
		verb: async (tx, args, world) => ({ images: await listImages(tx, args, world) }),
	}),
	reads({
		path: '/images/{image}',
		action: 'image.show',
		summary: 'An image by its id, or by [project/]name[@version] with the slash encoded',
		answer: views.image,
		verb: showImage,
	}),
	begins('POST', {
		path: '/images',
		action: 'image.import',
		summary: 'Fetch an image from a URL, which says what its SHA-256 is; files are uploaded (see /uploads)',
		body: {
			project: hilName,
			name,
			format,
			url: z.string().max(4096),
			sha256,
			description: z.string().max(1000).optional(),
		},
		prepare: ({ storage }) => storage.canTakeIn(),
		verb: async (tx, { url, sha256: digest, format: of, ...wanted }, world, ask) => {
			const origin = { from: 'url', url: shownSource(checkedSource(url)) } as const;
			const image = await beginImage(tx, { ...wanted, origin }, world);
			const input = { url, staged: image, format: of, sha256: digest };
			return ask({ kind: 'image.fetch', project: wanted.project, image, input });
		},
	}),
	changes('PATCH', {
		path: '/images/{image}',
		action: 'image.change',
		summary: 'Say who sees an image, describe it, protect it from being deleted',
		body: {
			description: z.string().max(1000).optional(),
			visibility: visibility.optional(),
			sharedWith: z.array(hilName).max(1000).optional(),
			isProtected: z.boolean().optional(),
		},
		answer: views.image,
		verb: changeImage,
	}),
	begins('DELETE', {
		path: '/images/{image}',
		action: 'image.delete',
		summary: 'Delete an image; refused while it is protected or there are disks of it',
		verb: async (tx, args, world, ask) => {
			const { id, project } = await leaveImage(tx, args, world);
			return ask({ kind: 'image.delete', project, image: id });
		},
	}),
];
