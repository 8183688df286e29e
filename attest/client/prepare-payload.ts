import { randomBytes } from 'node:crypto';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { EvidenceFile } from '../evidence/evidence-file.ts';
import {
	encryptToNode,
	joinParts,
	largestPayload,
	partBytes,
	readNodeKey,
	sealPayload,
} from '../payload/sealed-payload.ts';
import { type ExpectedNode, type TrustedNode, trustedNodeKey } from '../payload/trusted-node-key.ts';
import { credentialFile, makeCredential } from '../tpm/make-credential.ts';

/** What is sent to the verifier, in base64: of the key only its own part, and those that only the node's TPM and the node read. */
export interface PayloadRelease {
	readonly nodeKey: string;
	readonly t: string;
	readonly u: string;
	readonly v: string;
	readonly payload: string;
}

/**
 * Verifies a node's evidence and seals a payload for that node: to be called by the tenant, on a machine of its own. Neither
 * the payload nor its key leaves it.
 * @throws BimetalError EvidenceRefused, PayloadTooLarge
 */
export function preparePayload(
	file: EvidenceFile,
	expected: ExpectedNode,
	payload: Uint8Array,
	random: (size: number) => Buffer = randomBytes,
): { readonly release: PayloadRelease; readonly node: TrustedNode } {
	assertFits(payload);
	const node = trustedNodeKey(file, expected);
	const key = readNodeKey(node.nodeKey);
	if (!key)
		throw new BimetalError('EvidenceRefused', 'its node key is no RSA key of 2048 bits', { status: 409 });
	const parts = { t: random(partBytes), u: random(partBytes), v: random(partBytes) };
	// Only the TPM whose certificate was looked at here, on this machine, finds T, and only if it holds the key that signed:
	// nobody's word is taken for that.
	const credential = makeCredential(node.ek, node.ak.name, parts.t, random);
	if (!credential.ok)
		throw new BimetalError('EvidenceRefused', `${credential.refusal.code}: ${credential.refusal.reason}`, {
			status: 409,
		});
	const identity = { admission: expected.admission, node: expected.node, nodeKey: node.nodeKey };
	const sealed = sealPayload(payload, { key: joinParts(parts), salt: random(8), identity });
	return {
		release: {
			nodeKey: node.nodeKey.toString('base64'),
			t: credentialFile(credential.value).toString('base64'),
			u: encryptToNode(key, parts.u).toString('base64'),
			v: parts.v.toString('base64'),
			payload: sealed.toString('base64'),
		},
		node,
	};
}

/** @throws BimetalError PayloadTooLarge */
export function assertFits({ length }: Uint8Array): void {
	if (length > 0 && length <= largestPayload) return;
	const why = `the payload has ${length} bytes: it may have 1 to ${largestPayload}. Put keys into it, and what they open elsewhere`;
	throw new BimetalError('PayloadTooLarge', why, { status: 400 });
}
