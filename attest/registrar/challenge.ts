import { createHash, createHmac } from 'node:crypto';
import { type EndorsementTrust, verifyEndorsementKey } from '../certificates/endorsement-certificate.ts';
import { keyFingerprint } from '../certificates/fingerprint.ts';
import { trimDer } from '../certificates/trim-der.ts';
import { bytesOf } from '../model/names.ts';
import { accept, type Outcome } from '../outcome.ts';
import { checkAttestationKey } from '../tpm/key-attributes.ts';
import { credentialFile, makeCredential } from '../tpm/make-credential.ts';
import { type PublicArea, parsePublicArea } from '../tpm/public-area.ts';
import type { Claim } from './registrations.ts';

/** What an agent shows of its TPM, in base64. */
export interface ShownKeys {
	readonly node: string;
	readonly ek: string;
	readonly ekCertificate: string;
	readonly ak: string;
}

export interface Challenge {
	readonly claim: Claim;
	/** As tpm2_activatecredential reads it. */
	readonly credential: Buffer;
	/** SHA-256 of the only answer, in hexadecimal. */
	readonly proof: string;
}

/** Bytes: an endorsement key of any kind takes that many. */
const SECRET_SIZE = 32;

/** The endorsement key that is shown, before anything costly is done with it. */
export const shownEndorsementKey = ({ ek }: ShownKeys): Outcome<PublicArea> =>
	parsePublicArea(bytesOf(ek), 'the endorsement key’s public area');

/**
 * Looks at the keys, and makes the credential that proves them to be in one TPM. The AK's attributes are looked at
 * here already: a key that is not restricted activates a credential as well, and then signs anything.
 * @param id of the registration: the answer is HMAC-SHA-256 over it, keyed with the secret
 */
export function challenge(
	id: string,
	shown: ShownKeys,
	ek: PublicArea,
	{ trust, now, random }: { trust: EndorsementTrust; now: number; random: (size: number) => Buffer },
): Outcome<Challenge> {
	const certificate = trimDer(bytesOf(shown.ekCertificate), 'the endorsement key’s certificate');
	if (!certificate.ok) return certificate;
	const chain = verifyEndorsementKey({ certificate: certificate.value, area: ek }, trust, now);
	if (!chain.ok) return chain;
	const ak = parsePublicArea(bytesOf(shown.ak), 'the attestation key’s public area');
	if (!ak.ok) return ak;
	const fit = checkAttestationKey(ak.value);
	if (!fit.ok) return fit;
	const secret = random(SECRET_SIZE);
	const made = makeCredential(ek, ak.value.name, secret, random);
	if (!made.ok) return made;
	const answer = createHmac('sha256', secret).update(id).digest();
	return accept({
		claim: {
			node: shown.node,
			fingerprint: keyFingerprint(ek.keyObject),
			ek: shown.ek,
			ak: shown.ak,
			ekCertificate: certificate.value.toString('base64'),
			chain: [...chain.value],
		},
		credential: credentialFile(made.value),
		proof: createHash('sha256').update(answer).digest('hex'),
	});
}
