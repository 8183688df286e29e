import type { Store } from '../../common/store/store.ts';
import { readPolicy } from '../judge/stored-policies.ts';
import { admissions } from '../model/admission.ts';
import { findBlob } from '../model/blob.ts';
import { type Chore, type Passage, passages } from '../model/passage.ts';
import type { NodeAtHil } from './node-at-hil.ts';
import type { AirlockSettings } from './settings.ts';

export interface ChoreDeps {
	readonly store: Store;
	readonly hil: NodeAtHil;
	readonly settings: AirlockSettings;
}

/**
 * hil's properties of a node: whether it is where it is because it was attested, why it was refused, and whether it may still have
 * something of an earlier project.
 */
const labels = { attested: 'attested', rejected: 'rejected', uncleaned: 'uncleaned' } as const;

/** What is to be done for a node that is where it should be; each can be done again. False: it is not done yet. */
export function createChores({ store, hil, settings }: ChoreDeps) {
	/** Whether its admission was by a policy that wants a TPM that says that it was cleared. */
	const isErased = ({ admission }: Passage): Promise<boolean> =>
		store.read(async tx => {
			const digest = admission === null ? null : ((await tx.get(admissions, admission))?.policy ?? null);
			const policy = digest === null ? undefined : readPolicy((await findBlob(tx, digest)).toString('utf8'));
			return policy?.ok === true && policy.value.erased;
		});

	return async (passage: Passage, chore: Chore): Promise<boolean> => {
		const { node, project, origin, leaseEnd, operation, disk } = passage;
		switch (chore) {
			case 'lease': {
				const now = await hil.look(node);
				const isThere = now?.project === (passage.state === 'returned' ? origin : project);
				if (isThere && leaseEnd !== null) await hil.setLease(node, leaseEnd);
				return true;
			}
			case 'attested':
				await hil.setProperty(node, labels.rejected, null);
				if (await isErased(passage)) await hil.setProperty(node, labels.uncleaned, null);
				await hil.setProperty(node, labels.attested, true);
				return true;
			case 'unattested': {
				// When it has left the project hil has forgotten it; by a later passage it may be attested again.
				const isThere = (await hil.look(node))?.project === project;
				const where = { index: 'node', equals: node };
				const later = await store.read(tx => tx.count(passages, where));
				if (isThere && later === 0) await hil.setProperty(node, labels.attested, false);
				return true;
			}
			case 'reason':
				if ('cause' in passage)
					await hil.setProperty(
						node,
						labels.rejected,
						`${passage.cause.code}: ${passage.cause.reason}`.slice(0, 1000),
					);
				return true;
			case 'tidy':
				return settings.boot.by !== 'provisioner' || settings.boot.image.tidy(node, { operation, disk });
			default:
				return chore satisfies never;
		}
	};
}
