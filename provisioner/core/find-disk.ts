import type { ReadTransaction } from '../../common/store/store.ts';
import { type Actor, isMember } from '../authorize/actor.ts';
import { provisionerErrors } from '../errors.ts';
import { type Disk, disks } from '../model/disk.ts';

/** A disk with the id that the storage knows its bytes by. */
export interface FoundDisk {
	readonly id: string;
	readonly document: Disk;
}

/**
 * The disk that a reference means to the actor: an id, or `[project/]name`.
 * @throws NotThere also for those of other projects; Ambiguous for a name that several projects of the actor have
 */
export async function findDisk(tx: ReadTransaction, reference: string, actor: Actor): Promise<FoundDisk> {
	const byId = reference === '' ? undefined : await tx.get(disks, reference);
	if (byId && isMember(actor, byId.project)) return { id: reference, document: byId };
	const cut = reference.lastIndexOf('/');
	const places = cut < 0 ? [...actor.projects].map(project => `${project}/${reference}`) : [reference];
	const found: FoundDisk[] = [];
	for (const place of places)
		found.push(...(await tx.list(disks, { where: { index: 'name', equals: place } })));
	const [one, another] = found.filter(({ document }) => isMember(actor, document.project));
	if (!one) throw provisionerErrors.NotThere(`There is no disk ${reference} of yours.`);
	if (another) {
		const wish = found.map(({ document }) => `${document.project}/${document.name}`).join(', ');
		throw provisionerErrors.Ambiguous(`${reference} can be ${wish}: say which.`);
	}
	return one;
}
