import { createHash, type X509Certificate } from 'node:crypto';

/** What is asked of a connection; a TLSSocket has all of it, a plain socket nothing. */
export interface PeerSocket {
	/** Whether OpenSSL found a valid chain from the peer's certificate to one of the listener's `ca`. */
	readonly authorized?: boolean;
	/** OpenSSL's name of what is wrong: `CERT_HAS_EXPIRED`. */
	readonly authorizationError?: Error | string | null;
	getPeerX509Certificate?(): X509Certificate | undefined;
}

/** The OID of EKU clientAuth, RFC 5280 §4.2.1.12. */
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** Whether a certificate is an end entity's, for TLS clients. */
export const isForClients = (certificate: X509Certificate): boolean =>
	!certificate.ca && certificate.keyUsage?.includes(clientAuth) === true;

/** SHA-256 over its DER, hex. */
export const fingerprintOf = (certificate: X509Certificate): string =>
	createHash('sha256').update(certificate.raw).digest('hex');

/** From when and until when it holds, in milliseconds since the epoch. */
export const validityOf = (certificate: X509Certificate): { readonly from: number; readonly to: number } => ({
	from: Date.parse(certificate.validFrom),
	to: Date.parse(certificate.validTo),
});

/** The one CN of the subject; undefined when there is none or several, or the subject holds odd characters. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
	const names = certificate.subject.split('\n').filter(line => line.startsWith('CN='));
	const name = names[0]?.slice(3);
	return names.length === 1 && name !== undefined && /^[A-Za-z0-9._@-]+$/.test(name) ? name : undefined;
}

/**
 * The one alternative name of this kind (RFC 5280 §4.2.1.6), in full; undefined when there is none or several, or the
 * list cannot be told apart with certainty.
 */
export function alternativeNameOf(
	certificate: Pick<X509Certificate, 'subjectAltName'>,
	kind: 'URI' | 'email',
): string | undefined {
	// Node writes `URI:urn:a, email:b@c`, and quotes, as JSON, what has commas or quotes in it.
	const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)/y;
	const list = certificate.subjectAltName ?? '';
	const found: string[] = [];
	for (let end = 0; end < list.length; end = entry.lastIndex) {
		entry.lastIndex = end;
		const [, type, value = ''] = entry.exec(list) ?? [];
		if (type === undefined) return undefined;
		if (type === kind) found.push(value);
	}
	const [name = ''] = found;
	return found.length === 1 && /^[\x21-\x7e]+$/.test(name) && !name.startsWith('"') ? name : undefined;
}
