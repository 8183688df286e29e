import type { ReadTransaction } from '../../common/store/store.ts';
import { type Actor, isMember } from '../authorize/actor.ts';
import { provisionerErrors } from '../errors.ts';
import { type Image, images } from '../model/image.ts';

/** An image with the id that the storage knows its bytes by. */
export interface FoundImage {
	readonly id: string;
	readonly document: Image;
}

/** Whether the actor may see it, and make disks of it. */
export const isVisible = ({ project, visibility, sharedWith }: Image, actor: Actor): boolean =>
	visibility === 'public' ||
	isMember(actor, project) ||
	(visibility === 'shared' && sharedWith.some(each => actor.projects.has(each)));

/** `red/debian@3`. */
export const referenceOf = ({
	project,
	name,
	version,
}: Pick<Image, 'project' | 'name' | 'version'>): string => `${project}/${name}@${version}`;

/**
 * The image that a reference means to the actor: an id, or `[project/]name[@version]`. Without a version it is the
 * newest that is ready; without a project, that of a project of the actor's own, or else a public one.
 * @param home a project that counts as the actor's own: an administrator acts for one without being in any
 * @throws NotThere also for what the actor may not see; Ambiguous for a name that means several
 */
export async function findImage(
	tx: ReadTransaction,
	reference: string,
	actor: Actor,
	home?: string,
): Promise<FoundImage> {
	const missing = provisionerErrors.NotThere(`There is no image ${reference}, or it is not for you to see.`);
	const byId = reference === '' ? undefined : await tx.get(images, reference);
	if (byId) {
		if (isVisible(byId, actor)) return { id: reference, document: byId };
		throw missing;
	}
	const [, project, name, version] = /^(?:(.+)\/)?([^/@]+)(?:@(\d{1,9}))?$/.exec(reference) ?? [];
	if (name === undefined) throw missing;
	const candidates: FoundImage[] = [];
	const homes = new Set([...actor.projects, ...(home === undefined ? [] : [home])]);
	const where = project === undefined ? await named(tx, name, homes) : await inProject(tx, project, name);
	for (const found of where) {
		if (!isVisible(found.document, actor)) continue;
		if (version !== undefined && found.document.version !== Number(version)) continue;
		candidates.push(found);
	}
	const ready = candidates.filter(({ document }) => document.state === 'ready' || version !== undefined);
	const own = ready.filter(({ document }) => homes.has(document.project));
	const chosen = own.length > 0 ? own : ready;
	if (chosen.length === 0) throw missing;
	const projects = [...new Set(chosen.map(({ document }) => document.project))].sort();
	if (projects.length > 1) {
		const wish = projects.map(each => `${each}/${name}`).join(', ');
		throw provisionerErrors.Ambiguous(`${reference} can be ${wish}: say which.`);
	}
	return chosen.reduce((newest, each) => (each.document.version > newest.document.version ? each : newest));
}

const inProject = (tx: ReadTransaction, project: string, name: string): Promise<FoundImage[]> =>
	tx.list(images, { where: { index: 'name', equals: `${project}/${name}` } });

/** Images of this name in the projects, and public ones. */
async function named(tx: ReadTransaction, name: string, homes: ReadonlySet<string>): Promise<FoundImage[]> {
	const found = new Map<string, FoundImage>();
	for (const seen of [...homes, '*']) {
		for (const each of await tx.list(images, { where: { index: 'seenName', equals: `${seen} ${name}` } })) {
			found.set(each.id, each);
		}
	}
	return [...found.values()];
}
