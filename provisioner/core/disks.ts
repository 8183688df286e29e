import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { type Disk, disks, type Suspended } from '../model/disk.ts';
import { images } from '../model/image.ts';
import { type FoundDisk, findDisk } from './find-disk.ts';
import { findImage, referenceOf } from './find-image.ts';
import type { World } from './world.ts';

export interface NewDisk {
	readonly project: string;
	readonly name: string;
	/** What it is a clone of. */
	readonly image: string;
	/** The node that it is meant for. */
	readonly node?: string | undefined;
}

/**
 * Records a disk whose bytes are to be cloned.
 * @throws NameTaken; NotThere for an image that the actor may not see; NotReady
 */
export async function beginDisk(
	tx: Transaction,
	{ project, name, image, node }: NewDisk,
	world: World,
): Promise<{ readonly id: string; readonly image: string }> {
	const source = await findImage(tx, image, world.actor, project);
	const { size, state } = source.document;
	if (state !== 'ready' || size === null) {
		throw provisionerErrors.NotReady(`${referenceOf(source.document)} is ${state}.`);
	}
	await assertNameFree(tx, project, name);
	const id = world.newId();
	await tx.insert(disks, id, {
		project,
		name,
		image: source.id,
		state: 'making',
		size,
		node: node ?? null,
		suspended: null,
		madeAt: world.now,
	});
	return { id, image: source.id };
}

/** Its bytes are there. */
export async function completeDisk(tx: Transaction, id: string): Promise<void> {
	const found = await tx.get(disks, id);
	if (found?.state === 'making') await tx.put(disks, id, { ...found, state: 'ready' });
}

/** Means a disk for a node: nobody else can have it. @throws as `findFreeDisk` */
export async function claimDisk(
	tx: Transaction,
	{ disk, node }: { readonly disk: string; readonly node: string },
	world: World,
): Promise<string> {
	const { id, document } = await findFreeDisk(tx, { disk }, world);
	await tx.put(disks, id, { ...document, node });
	return id;
}

/** It is this node's from now on. @throws InUse when it is another's */
export async function claimFor(tx: Transaction, id: string, node: string): Promise<void> {
	const found = await tx.get(disks, id);
	if (!found) throw provisionerErrors.NotThere('The disk is gone.');
	if (found.node !== null && found.node !== node) {
		throw provisionerErrors.InUse(`Disk ${found.project}/${found.name} is node ${found.node}'s.`);
	}
	await tx.put(disks, id, { ...found, node });
}

/**
 * It is another project's from now on, under a name that is free there.
 * @throws NameTaken
 */
export async function giveDisk(
	tx: Transaction,
	id: string,
	{ project, name }: { readonly project: string; readonly name: string },
): Promise<void> {
	const found = await tx.get(disks, id);
	if (!found) throw provisionerErrors.NotThere('The disk is gone.');
	if (found.project === project && found.name === name) return;
	await assertNameFree(tx, project, name);
	await tx.put(disks, id, { ...found, project, name });
}

export const nameOf = async (tx: ReadTransaction, id: string): Promise<string> =>
	(await tx.get(disks, id))?.name ?? id;

/** @throws NameTaken */
export async function assertNameFree(tx: ReadTransaction, project: string, name: string): Promise<void> {
	const where = { index: 'name', equals: `${project}/${name}` };
	if ((await tx.list(disks, { where, limit: 1 })).length > 0)
		throw provisionerErrors.NameTaken(`Project ${project} has a disk ${name} already.`);
}

/** Notes what a node is made again from that is being suspended. */
export async function noteSuspended(tx: Transaction, id: string, suspended: Suspended): Promise<void> {
	const found = await tx.get(disks, id);
	if (found) await tx.put(disks, id, { ...found, suspended });
}

/** No node has it any more. */
export async function freeDisk(tx: Transaction, id: string): Promise<void> {
	const found = await tx.get(disks, id);
	if (found) await tx.put(disks, id, { ...found, node: null });
}

/** Nothing of it is left. */
export const forgetDisk = async (tx: Transaction, id: string): Promise<void> => {
	await tx.delete(disks, id);
};

export interface DiskView extends Omit<Disk, 'madeAt' | 'image' | 'suspended'> {
	/** Whether it can be resumed: the query for nodes of the kind that it had. */
	readonly resumesOn: string | null;
	readonly id: string;
	/** `project/name@version` of what it was made of. */
	readonly image: string;
	/** ISO 8601. */
	readonly madeAt: string;
}

async function viewOf(tx: ReadTransaction, id: string, { suspended, ...document }: Disk): Promise<DiskView> {
	const source = await tx.get(images, document.image);
	return {
		...document,
		resumesOn: document.node === null ? (suspended?.where ?? null) : null,
		id,
		image: source ? referenceOf(source) : document.image,
		madeAt: new Date(document.madeAt).toISOString(),
	};
}

export async function showDisk(
	tx: ReadTransaction,
	{ disk }: { readonly disk: string },
	{ actor }: World,
): Promise<DiskView> {
	const { id, document } = await findDisk(tx, disk, actor);
	return viewOf(tx, id, document);
}

/** Those of the actor's projects, by name. */
export async function listDisks(
	tx: ReadTransaction,
	{ project }: { readonly project?: string | undefined },
	{ actor }: World,
): Promise<DiskView[]> {
	const scopes =
		actor.isAdmin && project === undefined
			? [{}]
			: [...(project === undefined ? actor.projects : [project])]
					.filter(each => actor.isAdmin || actor.projects.has(each))
					.map(equals => ({ where: { index: 'project', equals } }));
	const views: DiskView[] = [];
	for (const scope of scopes) {
		for (const { id, document } of await tx.list(disks, scope)) views.push(await viewOf(tx, id, document));
	}
	const key = ({ project: of, name }: DiskView): string => `${of}/${name}`;
	return views.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** @throws as `findWholeDisk`; InUse while a node has it, who is named */
export async function findFreeDisk(
	tx: ReadTransaction,
	args: { readonly disk: string },
	world: World,
): Promise<FoundDisk> {
	const found = await findWholeDisk(tx, args, world);
	const { project, name, node } = found.document;
	if (node !== null) {
		throw provisionerErrors.InUse(`Disk ${project}/${name} is node ${node}'s: deprovision the node first.`);
	}
	return found;
}

/** Takes a disk out of use: it is being removed. */
export async function leaveDisk(
	tx: Transaction,
	args: { readonly disk: string },
	world: World,
): Promise<{ readonly id: string; readonly project: string }> {
	const { id, document } = await findFreeDisk(tx, args, world);
	await tx.put(disks, id, { ...document, state: 'leaving' });
	return { id, project: document.project };
}

/** @throws NotReady while it is made or removed. A node may have it: a snapshot is crash-consistent. */
export async function findWholeDisk(
	tx: ReadTransaction,
	{ disk }: { readonly disk: string },
	{ actor }: World,
): Promise<FoundDisk> {
	const found = await findDisk(tx, disk, actor);
	const { project, name, state } = found.document;
	if (state !== 'ready') throw provisionerErrors.NotReady(`Disk ${project}/${name} is ${state}.`);
	return found;
}
