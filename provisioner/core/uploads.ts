import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { isMember } from '../authorize/actor.ts';
import { provisionerErrors } from '../errors.ts';
import type { ImageOrigin } from '../model/image.ts';
import { type Upload, uploads } from '../model/upload.ts';
import { beginImage } from './images.ts';
import type { World } from './world.ts';

export interface NewUpload {
	readonly project: string;
	readonly name: string;
	readonly description?: string | undefined;
	readonly format: Upload['format'];
	readonly sha256?: string | undefined;
	readonly origin: ImageOrigin;
	/** Bytes. */
	readonly length: number;
}

/** Uploads of one project that are under way at most: each may stay for a day. */
const mostOfProject = 50;

/** Records an upload of which nothing is there yet; its id. @throws InUse when the project has too many */
export async function beginUpload(tx: Transaction, wanted: NewUpload, world: World): Promise<string> {
	const { description = '', sha256 = null, ...rest } = wanted;
	const { project } = wanted;
	if ((await tx.count(uploads, { index: 'open', equals: project })) >= mostOfProject) {
		throw provisionerErrors.InUse(
			`Project ${project} has ${mostOfProject} uploads: go on with one, or end it.`,
		);
	}
	const id = world.newId();
	await tx.insert(uploads, id, {
		...rest,
		description,
		sha256,
		asker: world.actor.name,
		touchedAt: world.now,
		operation: null,
	});
	return id;
}

/** @throws NotThere also for those of other projects */
export async function findUpload(
	tx: ReadTransaction,
	{ upload }: { readonly upload: string },
	{ actor }: Pick<World, 'actor'>,
): Promise<Upload> {
	const found = await tx.get(uploads, upload);
	if (found && isMember(actor, found.project)) return found;
	throw provisionerErrors.NotThere(
		`There is no upload ${upload} of yours: it may have come to its end, or been abandoned for a day.`,
	);
}

/** Those of the actor's projects, by id. */
export async function listUploads(
	tx: ReadTransaction,
	{ actor }: Pick<World, 'actor'>,
): Promise<{ readonly id: string; readonly document: Upload }[]> {
	return (await tx.list(uploads)).filter(({ document }) => isMember(actor, document.project));
}

/** Records the image that an upload becomes; its id. */
export const beginUploadedImage = (
	tx: Transaction,
	{ project, name, description, origin }: Upload,
	world: World,
): Promise<string> => beginImage(tx, { project, name, description, origin }, world);
