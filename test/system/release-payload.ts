import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
	type AirlockPayload,
	airlockPayload,
	preparePayload,
	type VerifierClient,
} from '../../attest/client.ts';
import { readEvidence } from '../../attest/evidence/evidence-file.ts';

/**
 * What `bimetal attest release` does for a node of project red: judges its evidence here, and seals a payload for it alone.
 * `roots`: files of certificates of the TPM's maker, the root first.
 */
export async function releasePayload(
	verifier: VerifierClient,
	{ id, node, roots: [root = '', issuer = ''] }: { id: string; node: string; roots: readonly string[] },
	payload: AirlockPayload,
): Promise<void> {
	const { policy } = await verifier.admission(id);
	const raw = async (file: string): Promise<Buffer> => new X509Certificate(await readFile(file)).raw;
	const trust = { roots: [await raw(root)], intermediates: [await raw(issuer)] };
	const expected = { admission: id, node, project: 'red', policy: policy ?? undefined, trust };
	const evidence = readEvidence(await verifier.evidence(id));
	await verifier.releasePayload(id, preparePayload(evidence, expected, airlockPayload(payload)).release);
}
