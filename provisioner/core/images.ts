import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { isMember } from '../authorize/actor.ts';
import { provisionerErrors } from '../errors.ts';
import { disks } from '../model/disk.ts';
import { type Image, type ImageOrigin, images } from '../model/image.ts';
import { findImage, isVisible, referenceOf } from './find-image.ts';
import type { World } from './world.ts';

export interface NewImage {
	readonly project: string;
	readonly name: string;
	readonly description?: string | undefined;
	readonly origin: ImageOrigin;
	readonly parent?: string | undefined;
}

/** Records an image whose bytes are to be made: the next version of its name. Nobody can use it yet. */
export async function beginImage(
	tx: Transaction,
	{ project, name, description = '', origin, parent = '' }: NewImage,
	world: World,
): Promise<string> {
	const former = await tx.list(images, { where: { index: 'name', equals: `${project}/${name}` } });
	const newest = former.reduce<Image | undefined>(
		(last, { document }) => (last && last.version > document.version ? last : document),
		undefined,
	);
	const id = world.newId();
	await tx.insert(images, id, {
		project,
		name,
		version: (newest?.version ?? 0) + 1,
		description,
		// Who saw the last version sees this one.
		visibility: newest?.visibility ?? 'private',
		sharedWith: newest?.sharedWith ?? [],
		isProtected: false,
		state: 'making',
		origin,
		parent: parent === '' ? null : parent,
		size: null,
		sha256: null,
		madeAt: world.now,
	});
	return id;
}

/** Its bytes are there: from now on it can be used, and is never written again. */
export async function completeImage(
	tx: Transaction,
	id: string,
	made: { readonly size: number; readonly sha256: string | null },
): Promise<void> {
	const found = await tx.get(images, id);
	if (found?.state === 'making') await tx.put(images, id, { ...found, ...made, state: 'ready' });
}

/** Nothing of it is left. */
export const forgetImage = async (tx: Transaction, id: string): Promise<void> => {
	await tx.delete(images, id);
};

export interface ImageView extends Omit<Image, 'madeAt' | 'parent'> {
	readonly id: string;
	/** `project/name@version`. */
	readonly reference: string;
	/** ISO 8601. */
	readonly madeAt: string;
}

const viewOf = (id: string, { parent: _, ...document }: Image, { actor }: World): ImageView => ({
	...document,
	// Whom else it is shared with is the owner's to know.
	sharedWith: document.sharedWith.filter(
		each => actor.isAdmin || actor.projects.has(document.project) || actor.projects.has(each),
	),
	id,
	reference: referenceOf(document),
	madeAt: new Date(document.madeAt).toISOString(),
});

export async function showImage(
	tx: ReadTransaction,
	{ image }: { readonly image: string },
	world: World,
): Promise<ImageView> {
	const { id, document } = await findImage(tx, image, world.actor);
	return viewOf(id, document, world);
}

/** What the actor may see, newest version first within a name; of one project when it is named. */
export async function listImages(
	tx: ReadTransaction,
	{ project }: { readonly project?: string | undefined },
	world: World,
): Promise<ImageView[]> {
	const { actor } = world;
	const found = new Map<string, Image>();
	const scopes = actor.isAdmin ? [{}] : [...actor.projects, '*'].map(seenIn);
	for (const scope of scopes) {
		for (const { id, document } of await tx.list(images, scope)) found.set(id, document);
	}
	return [...found]
		.filter(([, document]) => isVisible(document, actor))
		.filter(([, document]) => project === undefined || document.project === project)
		.map(([id, document]) => viewOf(id, document, world))
		.sort((a, b) => compare(a.project, b.project) || compare(a.name, b.name) || b.version - a.version);
}

const seenIn = (equals: string) => ({ where: { index: 'seen', equals } });
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface ImageChange {
	readonly image: string;
	readonly description?: string | undefined;
	readonly visibility?: Image['visibility'] | undefined;
	readonly sharedWith?: readonly string[] | undefined;
	readonly isProtected?: boolean | undefined;
}

/**
 * Says who sees an image, describes and protects it.
 * @throws Protected when it would be seen by fewer while it is protected
 */
export async function changeImage(tx: Transaction, change: ImageChange, world: World): Promise<ImageView> {
	const { id, document } = await findImage(tx, change.image, world.actor);
	const visibility = change.visibility ?? document.visibility;
	const sharedWith = [...new Set(change.sharedWith ?? document.sharedWith)].sort();
	const isProtected = change.isProtected ?? document.isProtected;
	const rank = { private: 0, shared: 1, public: 2 };
	const isLess =
		rank[visibility] < rank[document.visibility] ||
		(visibility === 'shared' && document.sharedWith.some(each => !sharedWith.includes(each)));
	if (document.isProtected && isProtected && isLess) {
		throw provisionerErrors.Protected(
			`${referenceOf(document)} is protected: it goes on being seen as it is.`,
		);
	}
	const description = change.description ?? document.description;
	const changed = { ...document, visibility, sharedWith, isProtected, description };
	await tx.put(images, id, changed);
	return viewOf(id, changed, world);
}

/**
 * Takes an image out of use: it is being removed.
 * @throws Protected; NotReady; InUse while there are disks of it, or snapshots of such disks
 */
export async function leaveImage(
	tx: Transaction,
	{ image }: { readonly image: string },
	world: World,
): Promise<{ readonly id: string; readonly project: string }> {
	const { id, document } = await findImage(tx, image, world.actor);
	const reference = referenceOf(document);
	if (document.isProtected) throw provisionerErrors.Protected(`${reference} is protected.`);
	if (document.state !== 'ready') throw provisionerErrors.NotReady(`${reference} is ${document.state}.`);
	const users = await tx.list(disks, { where: { index: 'image', equals: id }, limit: 3 });
	if (users.length > 0) {
		const names = users.map(({ document: disk }) =>
			world.actor.isAdmin || world.actor.projects.has(disk.project)
				? `${disk.project}/${disk.name}`
				: 'one of another project',
		);
		throw provisionerErrors.InUse(`${reference} is what disks are made of: ${names.join(', ')}.`);
	}
	const [snapshot] = await tx.list(images, { where: { index: 'parent', equals: id }, limit: 1 });
	if (snapshot) {
		const name = isMember(world.actor, snapshot.document.project)
			? referenceOf(snapshot.document)
			: 'another project';
		throw provisionerErrors.InUse(`${reference} is what a snapshot shares its bytes with: ${name}.`);
	}
	await tx.put(images, id, { ...document, state: 'leaving' });
	return { id, project: document.project };
}
