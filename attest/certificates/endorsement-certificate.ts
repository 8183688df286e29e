import { X509Certificate } from 'node:crypto';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { checkEndorsementKey } from '../tpm/key-attributes.ts';
import type { PublicArea } from '../tpm/public-area.ts';
import { type CertificateExtensions, readCertificateExtensions } from './certificate-extensions.ts';

/** Authorities between an endorsement key and its root, at most: manufacturers have one or two. */
const MOST_BETWEEN = 4;
/** KeyUsage, RFC 5280 section 4.2.1.3. */
const [KEY_ENCIPHERMENT, KEY_AGREEMENT, CERTIFICATE_SIGNING] = [0x20, 0x08, 0x04];

export interface EndorsementClaim {
	/** The endorsement key’s certificate in DER, as the TPM’s NV memory has it, without padding. */
	readonly certificate: Uint8Array;
	/** Its public area: what credentials are made for. */
	readonly area: PublicArea;
}

export interface EndorsementTrust {
	/** In DER; each is trusted for itself, whoever signed it. */
	readonly roots: readonly Uint8Array[];
	/** In DER; no trust comes from them. */
	readonly intermediates: readonly Uint8Array[];
}

interface Certificate {
	readonly x509: X509Certificate;
	readonly extensions: CertificateExtensions;
	readonly subject: string;
}

/**
 * Whether this key is one that a trusted manufacturer has certified as an endorsement key.
 * @param now milliseconds since the epoch
 * @returns subjects from the key's certificate up to the root
 */
export function verifyEndorsementKey(
	claim: EndorsementClaim,
	trust: EndorsementTrust,
	now: number,
): Outcome<readonly string[]> {
	const fit = checkEndorsementKey(claim.area);
	if (!fit.ok) return fit;
	const leaf = parseCertificate(claim.certificate, 'the endorsement key’s certificate');
	if (!leaf.ok) return leaf;
	if (!leaf.value.x509.publicKey.equals(claim.area.keyObject))
		return refuse('KeyMismatch', 'the certificate is of another endorsement key than the public area');
	const unfit = leafFault(leaf.value, claim.area.key.kind);
	if (unfit) return unfit;
	const roots = parseAll(trust.roots, 'a root');
	if (!roots.ok) return roots;
	const intermediates = parseAll(trust.intermediates, 'an intermediate certificate');
	if (!intermediates.ok) return intermediates;
	const chain = findChain([leaf.value], roots.value, intermediates.value);
	if (!chain)
		return refuse(
			'CertificateUntrusted',
			`no trusted root has signed ${leaf.value.x509.issuer || 'its issuer'}`,
		);
	const fault = chainFault(chain, now);
	return fault ?? accept(chain.map(one => one.subject));
}

function parseCertificate(der: Uint8Array, what: string): Outcome<Certificate> {
	const extensions = readCertificateExtensions(der, what);
	if (!extensions.ok) return extensions;
	try {
		const x509 = new X509Certificate(der);
		// Read here, for OpenSSL looks at a key only when somebody asks for it.
		void x509.publicKey;
		return accept({ x509, extensions: extensions.value, subject: x509.subject ?? '' });
	} catch {
		return refuse('Malformed', `${what} is not one that OpenSSL can read`);
	}
}

function parseAll(ders: readonly Uint8Array[], what: string): Outcome<Certificate[]> {
	const certificates: Certificate[] = [];
	for (const der of ders) {
		const parsed = parseCertificate(der, what);
		if (!parsed.ok) return parsed;
		certificates.push(parsed.value);
	}
	return accept(certificates);
}

function leafFault({ extensions }: Certificate, kind: 'rsa' | 'ecc'): Outcome<never> | undefined {
	const what = 'the endorsement key’s certificate';
	if (extensions.isAuthority) return refuse('CertificateUnfit', `${what} is an authority’s`);
	if (!extensions.isForEndorsement)
		return refuse('CertificateUnfit', `${what} is not for endorsement keys (2.23.133.8.1)`);
	const needed = kind === 'rsa' ? KEY_ENCIPHERMENT : KEY_AGREEMENT;
	if (extensions.keyUsage !== undefined && (extensions.keyUsage & needed) === 0)
		return refuse('CertificateUnfit', `${what} has a key usage that is none of an endorsement key`);
	return undefined;
}

/** Depth first; a certificate signs once in a chain, so that authorities that sign each other come to an end. */
function findChain(
	chain: readonly Certificate[],
	roots: readonly Certificate[],
	intermediates: readonly Certificate[],
): readonly Certificate[] | undefined {
	const last = chain.at(-1);
	if (!last || chain.length > MOST_BETWEEN + 1) return undefined;
	const root = roots.find(one => hasSigned(one, last));
	if (root) return [...chain, root];
	for (const next of intermediates) {
		if (chain.includes(next) || !hasSigned(next, last)) continue;
		const found = findChain([...chain, next], roots, intermediates);
		if (found) return found;
	}
	return undefined;
}

function hasSigned(issuer: Certificate, subject: Certificate): boolean {
	try {
		return subject.x509.checkIssued(issuer.x509) && subject.x509.verify(issuer.x509.publicKey);
	} catch {
		// OpenSSL throws where a key cannot check a signature of that kind.
		return false;
	}
}

function chainFault(chain: readonly Certificate[], now: number): Outcome<never> | undefined {
	for (const [depth, { x509, extensions, subject }] of chain.entries()) {
		if (now < Date.parse(x509.validFrom) || now > Date.parse(x509.validTo))
			return refuse(
				'CertificateNotInForce',
				`${subject || 'the endorsement key’s certificate'} is valid from ${x509.validFrom} to ${x509.validTo}`,
			);
		if (depth === 0) continue;
		if (!extensions.isAuthority) return refuse('CertificateUnfit', `${subject} is no authority`);
		if (extensions.keyUsage !== undefined && (extensions.keyUsage & CERTIFICATE_SIGNING) === 0)
			return refuse('CertificateUnfit', `${subject} may not sign certificates`);
		if (extensions.pathLength !== undefined && depth - 1 > extensions.pathLength)
			return refuse('CertificateUnfit', `${subject} may have ${extensions.pathLength} authorities below it`);
	}
	return undefined;
}
