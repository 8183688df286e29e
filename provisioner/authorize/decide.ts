import type { ReadTransaction } from '../../common/store/store.ts';
import { findDisk } from '../core/find-disk.ts';
import { findImage, isVisible } from '../core/find-image.ts';
import { findUpload } from '../core/uploads.ts';
import { provisionerErrors } from '../errors.ts';
import { bootings } from '../model/booting.ts';
import { operations } from '../model/operation.ts';
import { type Actor, isMember } from './actor.ts';
import { type ActionName, rules } from './table.ts';

/** The arguments of a call. */
export type Arguments = Readonly<Record<string, unknown>>;

/**
 * Lets the actor's call pass, in the transaction that the call itself runs in.
 * @throws Forbidden for what the actor may see and not do; NotThere for what is not there, or not to be seen
 */
export async function authorize(
	tx: ReadTransaction,
	actor: Actor,
	action: ActionName,
	args: Arguments,
): Promise<void> {
	const named = (key: string): string => {
		const value = args[key];
		return typeof value === 'string' ? value : '';
	};
	const rule = rules[action];
	switch (rule) {
		case 'any':
			return;
		case 'admin':
			if (actor.isAdmin) return;
			throw provisionerErrors.Forbidden(`${action} takes an administrator.`);
		case 'project':
			if (isMember(actor, named('project'))) return;
			throw provisionerErrors.Forbidden(`${action} takes a member of the project.`);
		case 'image-visible':
		case 'image-own': {
			const { document } = await findImage(tx, named('image'), actor);
			if (rule === 'image-visible' ? isVisible(document, actor) : isMember(actor, document.project)) return;
			throw provisionerErrors.Forbidden(`${action} takes a member of the image's project.`);
		}
		case 'disk':
			// One that is not the actor's own is not found.
			await findDisk(tx, named('disk'), actor);
			return;
		case 'node':
		case 'node-and-project': {
			const found = await tx.get(bootings, named('node'));
			if (!found || !isMember(actor, found.project))
				throw provisionerErrors.NotThere(`There is no node ${named('node')} of yours that boots from here.`);
			if (rule === 'node' || isMember(actor, named('project'))) return;
			throw provisionerErrors.Forbidden(`${action} takes a member of both projects.`);
		}
		case 'operation': {
			const found = await tx.get(operations, named('operation'));
			if (found && isMember(actor, found.project)) return;
			throw provisionerErrors.NotThere(`There is no operation ${named('operation')}.`);
		}
		case 'upload':
			await findUpload(tx, { upload: named('upload') }, { actor });
			return;
		default:
			rule satisfies never;
	}
}
