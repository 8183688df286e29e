import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { createSecretBox, type SecretBox } from '../../common/identity/secret-box.ts';
import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { type Admission, admissions } from '../model/admission.ts';
import { bytesOf } from '../model/names.ts';
import { type Payload, payloads } from '../model/payload.ts';
import { encryptToNode, partBytes, readNodeKey } from '../payload/sealed-payload.ts';
import type { World } from '../world.ts';
import { nextState } from './next-state.ts';

/** What keeps the verifier's parts: its key is derived from the one that its key file holds. */
export const payloadBox = (secret: Uint8Array): SecretBox =>
	createSecretBox(createHmac('sha256', secret).update('payloads').digest());

const kept = z.strictObject({ admission: z.string(), v: z.base64() });

interface Release {
	readonly admission: string;
	/** Whose evidence the tenant has verified, and to which `u` is encrypted. */
	readonly nodeKey: string;
	readonly t: string;
	readonly u: string;
	/** The verifier's part of the key, 32 bytes in base64. */
	readonly v: string;
	readonly payload: string;
}

/** What is shown of a payload: nothing that opens it. */
export interface PayloadView {
	readonly admission: string;
	/** Bytes, sealed. */
	readonly size: number;
	readonly releasedAt: number;
	readonly releasedBy: string;
	readonly deliveredAt: number | null;
}

const viewOf = (
	admission: string,
	{ payload, releasedAt, releasedBy, deliveredAt }: Payload,
): PayloadView => ({
	...{ admission, size: bytesOf(payload).length, releasedAt, releasedBy, deliveredAt },
});

/**
 * Keeps what a tenant has sealed for a node that is attested now: once, and nobody sets it anew.
 * @throws NotAttested, KeysDiffer, PayloadSet
 */
export async function releasePayload(
	tx: Transaction,
	{ admission: id, nodeKey, t, u, v, payload, box }: Release & { readonly box: SecretBox },
	{ actor, now }: World,
): Promise<PayloadView> {
	const found = await tx.get(admissions, id);
	if (!found) throw attestErrors.NotThere(`There is no admission ${id}.`);
	const admission = nextState(found, { kind: 'time' }, now);
	if (admission.state !== 'attested')
		throw attestErrors.NotAttested(`Admission ${id} is ${admission.state}: nothing is kept for its node.`);
	if (!bytesOf(admission.keys.nodeKey).equals(bytesOf(nodeKey)))
		throw attestErrors.KeysDiffer(`Node ${admission.node} was admitted with another node key than this one.`);
	if (await tx.get(payloads, id))
		throw attestErrors.PayloadSet(`The payload of admission ${id} was released before, and stays as it is.`);
	const document: Payload = {
		...{ t, u, payload, releasedAt: now, releasedBy: actor.name, deliveredAt: null },
		v: box.seal(JSON.stringify({ admission: id, v } satisfies z.input<typeof kept>)),
	};
	await tx.insert(payloads, id, document);
	return viewOf(id, document);
}

/** @throws NotThere */
export async function showPayload(
	tx: ReadTransaction,
	{ admission }: { readonly admission: string },
): Promise<PayloadView> {
	const found = await tx.get(payloads, admission);
	if (!found) throw attestErrors.NotThere(`Nothing has been released for admission ${admission}.`);
	return viewOf(admission, found);
}

/** The payload for the answer to a good round of an admission that is attested; undefined when nothing was released. */
export async function deliverPayload(tx: Transaction, id: string, now: number): Promise<Payload | undefined> {
	const found = await tx.get(payloads, id);
	if (!found || found.deliveredAt !== null) return found;
	const delivered = { ...found, deliveredAt: now };
	await tx.put(payloads, id, delivered);
	return delivered;
}

/** What goes to the node, in base64; only its TPM can read `t`, and only who has its key the other two parts. */
export interface DeliveredPayload {
	readonly t: string;
	readonly u: string;
	readonly v: string;
	readonly payload: string;
}

/** Opens the verifier's part and encrypts it to the node. Throws when the box was sealed by another key, or for another admission. */
export function forNode(
	{ t, u, v: sealed, payload }: Payload,
	{ id, admission, box }: { readonly id: string; readonly admission: Admission; readonly box: SecretBox },
): DeliveredPayload {
	const key = admission.state === 'attested' ? readNodeKey(bytesOf(admission.keys.nodeKey)) : undefined;
	const opened = kept.parse(JSON.parse(box.unseal(sealed)));
	const part = bytesOf(opened.v);
	if (!key || opened.admission !== id || part.length !== partBytes)
		throw new Error(`what is kept for admission ${id} is not what was released for it`);
	return { t, u, v: encryptToNode(key, part).toString('base64'), payload };
}
