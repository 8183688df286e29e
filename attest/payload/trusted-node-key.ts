import { X509Certificate } from 'node:crypto';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { EndorsementTrust } from '../certificates/endorsement-certificate.ts';
import { keyFingerprint } from '../certificates/fingerprint.ts';
import type { EvidenceFile } from '../evidence/evidence-file.ts';
import { verifyEvidence } from '../evidence/verify-evidence.ts';
import { bytesOf } from '../model/names.ts';
import { type PublicArea, parsePublicArea } from '../tpm/public-area.ts';

/** What a tenant expects of the node that is to have its secrets. */
export interface ExpectedNode {
	readonly admission: string;
	readonly node: string;
	readonly project: string;
	/** Whose endorsement keys count. */
	readonly trust: EndorsementTrust;
	/** SHA-256 of its endorsement key, in hexadecimal; any that leads to a root when absent. */
	readonly fingerprint?: string | undefined;
	/** SHA-256 of the policy's text, in hexadecimal; the one that the admission names when absent. */
	readonly policy?: string | undefined;
}

export interface TrustedNode {
	/** SubjectPublicKeyInfo in DER. */
	readonly nodeKey: Buffer;
	/** The endorsement key that its certificate is of, and the key that the evidence is signed with. */
	readonly ek: PublicArea;
	readonly ak: PublicArea;
	/** Of its endorsement key. */
	readonly fingerprint: string;
	/** Digest of the policy that it satisfies. */
	readonly policy: string;
}

/**
 * The node key that good evidence is bound to, by the tenant's own judgement of that evidence.
 * @throws BimetalError EvidenceRefused: nothing may be released
 */
export function trustedNodeKey(file: EvidenceFile, expected: ExpectedNode): TrustedNode {
	const { admission } = file.head;
	if (
		admission.id !== expected.admission ||
		admission.node !== expected.node ||
		admission.project !== expected.project
	)
		throw refused(
			`it is of admission ${admission.id} of node ${admission.node} for project ${admission.project}`,
		);
	if (admission.state !== 'attested') throw refused(`the node is ${admission.state}`);
	const { policy } = admission;
	if (policy === null || (expected.policy !== undefined && policy !== expected.policy))
		throw refused(`it was judged by policy ${policy ?? 'none'}, and not by ${expected.policy ?? 'any'}`);
	const { rounds, problems, chain, keys } = verifyEvidence(file, expected.trust);
	if (problems.length > 0) throw refused(problems.join('; '));
	if (!keys || !chain || !rounds.some(({ found }) => found === 'accepted'))
		throw refused('no round of it was good');
	const fingerprint = keyFingerprint(new X509Certificate(bytesOf(keys.ekCertificate)).publicKey);
	if (expected.fingerprint !== undefined && fingerprint !== expected.fingerprint)
		throw refused(`it was signed below the endorsement key ${fingerprint}, not ${expected.fingerprint}`);
	const [ek, ak] = [parsePublicArea(bytesOf(keys.ek)), parsePublicArea(bytesOf(keys.ak))];
	if (!ek.ok || !ak.ok) throw refused('its keys cannot be read');
	return { nodeKey: bytesOf(keys.nodeKey), ek: ek.value, ak: ak.value, fingerprint, policy };
}

const refused = (why: string): BimetalError =>
	new BimetalError('EvidenceRefused', `the evidence does not hold here, nothing was released: ${why}`, {
		status: 409,
	});
