import { createHash, timingSafeEqual } from 'node:crypto';
import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { enrolments } from '../model/enrolment.ts';
import { type Registration, registrations } from '../model/registration.ts';
import type { World } from '../world.ts';

/** Milliseconds in which a credential must be answered: a TPM takes one second, an agent's shell a few. */
export const answerWithin = 120_000;
/**
 * Of one node, at once. Whoever has a node's public keys can begin registrations for it: the oldest makes room for the
 * newest, so that they would have to begin so many within the second or two that its TPM takes, again and again. Were the
 * newest refused, a few calls every two minutes would keep a node out.
 */
const mostPending = 64;
/** Of one node; older ones are forgotten. */
const endedKept = 20;

/** What the keys of a registration came to, when they were looked at. */
export type Claim = Pick<Registration, 'node' | 'fingerprint' | 'ek' | 'ak' | 'ekCertificate' | 'chain'>;

/**
 * Whose TPM may register as this node.
 * @throws NotEnrolled
 */
export async function enrolledKey(tx: ReadTransaction, node: string): Promise<string> {
	const enrolment = await tx.get(enrolments, node);
	if (!enrolment) throw attestErrors.NotEnrolled(`Node ${node} is not enrolled.`);
	return enrolment.fingerprint;
}

/** Another TPM under a node's name is refused, whatever its certificate is worth. @throws RegistrationRefused */
export function assertEnrolled(node: string, enrolled: string, shown: string): void {
	if (enrolled !== shown)
		throw attestErrors.RegistrationRefused(
			`KeyMismatch: node ${node} is enrolled with the endorsement key ${enrolled}, this is ${shown}.`,
		);
}

/** Records keys that wait for the TPM's answer. What is active stays active meanwhile. */
export async function beginRegistration(
	tx: Transaction,
	{ id, claim, proof }: { readonly id: string; readonly claim: Claim; readonly proof: string },
	now: number,
): Promise<void> {
	const { node } = claim;
	assertEnrolled(node, await enrolledKey(tx, node), claim.fingerprint);
	const pending = await tx.list(registrations, { where: { index: 'pending', equals: node } });
	const newestFirst = pending.sort((a, b) => b.document.askedAt - a.document.askedAt);
	for (const [index, { id: old, document }] of newestFirst.entries()) {
		const waits = document.state === 'pending' && document.until > now;
		if (!waits || index >= mostPending - 1) await tx.delete(registrations, old);
	}
	await tx.insert(registrations, id, {
		state: 'pending',
		...claim,
		askedAt: now,
		until: now + answerWithin,
		proof,
	});
}

/**
 * The TPM has answered: these keys are the node's for one admission; those of before are no longer. A wrong answer
 * changes nothing.
 * @throws ActivationRefused
 */
export async function activate(
	tx: Transaction,
	{ registration: id, proof }: { readonly registration: string; readonly proof: string },
	{ now }: World,
): Promise<RegistrationView> {
	const found = await tx.get(registrations, id);
	if (found?.state !== 'pending' || found.until <= now)
		throw attestErrors.ActivationRefused('No registration waits for this answer: begin another one.');
	const digest = createHash('sha256').update(Buffer.from(proof, 'hex')).digest();
	if (!timingSafeEqual(digest, Buffer.from(found.proof, 'hex')))
		throw attestErrors.ActivationRefused('This is not the HMAC that the credential’s secret makes.');
	const { state: _state, until: _until, proof: _proof, ...claim } = found;
	assertEnrolled(claim.node, await enrolledKey(tx, claim.node), claim.fingerprint);
	await endRegistration(tx, { node: claim.node, reason: 'the node registered again' }, now);
	const active = { ...claim, state: 'active', activatedAt: now } as const;
	await tx.put(registrations, id, active);
	return viewOf(id, active);
}

/** Ends what is active of a node, and forgets what ended long ago. */
export async function endRegistration(
	tx: Transaction,
	{ node, reason }: { readonly node: string; readonly reason: string },
	now: number,
): Promise<void> {
	for (const { id, document } of await tx.list(registrations, { where: { index: 'active', equals: node } })) {
		if (document.state !== 'active') continue;
		const { state: _state, activatedAt: _activatedAt, ...claim } = document;
		await tx.put(registrations, id, { ...claim, state: 'ended', endedAt: now, reason });
	}
	const ended = await tx.list(registrations, { where: { index: 'ended', equals: node } });
	const oldestFirst = ended.sort((a, b) => a.document.askedAt - b.document.askedAt);
	for (const { id } of oldestFirst.slice(0, Math.max(0, ended.length - endedKept)))
		await tx.delete(registrations, id);
}

/** What is shown of one: never what its answer is compared with. */
export interface RegistrationView extends Claim {
	readonly id: string;
	readonly state: Registration['state'];
}

const viewOf = (id: string, document: Registration): RegistrationView => {
	const { node, fingerprint, ek, ak, ekCertificate, chain, state } = document;
	return { id, node, state, fingerprint, ek, ak, ekCertificate, chain };
};

export async function showRegistration(
	tx: ReadTransaction,
	{ registration }: { readonly registration: string },
): Promise<RegistrationView> {
	const found = await tx.get(registrations, registration);
	if (!found) throw attestErrors.NotThere(`There is no registration ${registration}.`);
	return viewOf(registration, found);
}

/** The one that counts for a node now. @throws NotThere */
export async function findRegistration(
	tx: ReadTransaction,
	{ node }: { readonly node: string },
): Promise<RegistrationView> {
	const [found] = await tx.list(registrations, { where: { index: 'active', equals: node } });
	if (!found) throw attestErrors.NotThere(`Node ${node} is not registered.`);
	return viewOf(found.id, found.document);
}
