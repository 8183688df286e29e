import type { ReadTransaction } from '../../common/store/store.ts';
import { disks } from '../model/disk.ts';
import { images } from '../model/image.ts';
import type { Storage } from '../storage/storage.ts';
import { isVisible, referenceOf } from './find-image.ts';
import type { World } from './world.ts';

type Used = Awaited<ReturnType<Storage['usage']>>;

/** Bytes that images and disks take: of the actor's projects, and of the images that its disks share. */
export interface UsageView {
	readonly free: number | null;
	readonly images: readonly { id: string; reference: string; size: number; own: number; disks: number }[];
	readonly disks: readonly { id: string; name: string; size: number; own: number; image: string }[];
	readonly strays: readonly { id: string; own: number }[];
}

export async function showUsage(
	tx: ReadTransaction,
	{ volumes, free }: Used,
	{ actor }: World,
): Promise<UsageView> {
	const ownOf = (id: string): number => volumes.get(id)?.own ?? 0;
	const allDisks = await tx.list(disks);
	const allImages = await tx.list(images);
	const isMine = ({ project }: { project: string }): boolean => actor.isAdmin || actor.projects.has(project);
	const mine = allDisks.filter(({ document }) => isMine(document));
	const count = new Map<string, number>();
	for (const { document } of mine) count.set(document.image, (count.get(document.image) ?? 0) + 1);
	const known = new Map(allImages.map(({ id, document }) => [id, document]));
	return {
		free: actor.isAdmin ? free : null,
		images: allImages
			.filter(({ id, document }) => isMine(document) || (count.has(id) && isVisible(document, actor)))
			.map(({ id, document }) => ({
				id,
				reference: referenceOf(document),
				size: document.size ?? 0,
				own: ownOf(id),
				disks: count.get(id) ?? 0,
			})),
		disks: mine.map(({ id, document }) => {
			const source = known.get(document.image);
			return {
				id,
				name: `${document.project}/${document.name}`,
				size: document.size,
				own: ownOf(id),
				image: source ? referenceOf(source) : document.image,
			};
		}),
		strays: actor.isAdmin ? (await strays(tx, volumes)).map(id => ({ id, own: ownOf(id) })) : [],
	};
}

/** Volumes that no record knows. Records are made before bytes are: what is just being made is not among them. */
export async function strays(tx: ReadTransaction, volumes: Used['volumes']): Promise<string[]> {
	const found: string[] = [];
	for (const id of volumes.keys()) {
		if (!(await tx.get(images, id)) && !(await tx.get(disks, id))) found.push(id);
	}
	return found.sort();
}
