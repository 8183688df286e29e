import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { bytes, hilName, moment, name } from './names.ts';

/** Who sees an image beside its project. */
export const visibility = z.enum(['private', 'shared', 'public']);

/** Where an image came from. */
export const imageOrigin = z.discriminatedUnion('from', [
	z.strictObject({ from: z.literal('upload') }),
	z.strictObject({ from: z.literal('url'), url: z.string() }),
	z.strictObject({ from: z.literal('disk'), disk: z.string(), of: z.string() }),
	z.strictObject({ from: z.literal('build'), recipe: z.string() }),
]);
export type ImageOrigin = z.output<typeof imageOrigin>;

const image = z.strictObject({
	project: hilName,
	name,
	/** From 1; each import, build or snapshot under the same name is the next. */
	version: z.int().min(1),
	description: z.string().max(1000),
	visibility,
	/** The projects that see it, while it is `shared`. */
	sharedWith: z.array(hilName),
	/** Not to be deleted, nor made less visible, until somebody takes this off. */
	isProtected: z.boolean(),
	/** `making`: its bytes are not there yet; `leaving`: they are being removed. Neither can be used. */
	state: z.enum(['making', 'ready', 'leaving']),
	origin: imageOrigin,
	/** The image that it shares bytes with: what its disk was a clone of, if it is a snapshot. */
	parent: z.string().nullable(),
	/** As a machine sees it; null while it is made. */
	size: bytes.nullable(),
	/** SHA-256 of the file that was taken in, hex; null where there was no file. */
	sha256: z
		.string()
		.regex(/^[0-9a-f]{64}$/)
		.nullable(),
	madeAt: moment,
});
export type Image = z.output<typeof image>;

/** Those who see it: projects, and `*` for everybody. */
const seenBy = ({ visibility: who, project, sharedWith }: Image): string[] => {
	if (who === 'public') return [project, '*'];
	return who === 'shared' ? [project, ...sharedWith] : [project];
};

/** By a fresh id, which the storage knows the bytes by. */
export const images = defineCollection('images', image, {
	project: document => document.project,
	name: document => `${document.project}/${document.name}`,
	seen: seenBy,
	seenName: document => seenBy(document).map(each => `${each} ${document.name}`),
	parent: document => document.parent ?? undefined,
	state: document => (document.state === 'ready' ? undefined : document.state),
});
