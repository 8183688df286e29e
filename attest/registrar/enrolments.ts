import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { type Enrolment, enrolments } from '../model/enrolment.ts';
import type { World } from '../world.ts';
import { endRegistration } from './registrations.ts';

export async function listEnrolments(tx: ReadTransaction): Promise<Enrolment[]> {
	return (await tx.list(enrolments)).map(({ document }) => document);
}

/**
 * Puts on record which TPM is a node's.
 * @throws EnrolmentDiffers for a node that has another one; EndorsementKeyTaken for another node's
 */
export async function enrol(
	tx: Transaction,
	{ node, fingerprint }: { readonly node: string; readonly fingerprint: string },
	{ actor, now }: World,
): Promise<Enrolment> {
	const known = await tx.get(enrolments, node);
	if (known?.fingerprint === fingerprint) return known;
	if (known)
		throw attestErrors.EnrolmentDiffers(
			`Node ${node} is enrolled with the endorsement key ${known.fingerprint}: forget it first.`,
		);
	const [other] = await tx.list(enrolments, { where: { index: 'fingerprint', equals: fingerprint } });
	if (other)
		throw attestErrors.EndorsementKeyTaken(`Node ${other.id} is enrolled with this endorsement key.`);
	const enrolment = { node, fingerprint, enrolledAt: now, enrolledBy: actor.name };
	await tx.insert(enrolments, node, enrolment);
	return enrolment;
}

/** Nobody can register this node any more, and what was registered for it ends. */
export async function forget(
	tx: Transaction,
	{ node }: { readonly node: string },
	{ now }: World,
): Promise<Enrolment> {
	const known = await tx.get(enrolments, node);
	if (!known) throw attestErrors.NotEnrolled(`Node ${node} is not enrolled.`);
	await endRegistration(tx, { node, reason: 'the enrolment was forgotten' }, now);
	await tx.delete(enrolments, node);
	return known;
}
