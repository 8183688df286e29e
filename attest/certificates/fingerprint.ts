import { createHash, type KeyObject } from 'node:crypto';

/**
 * What a public key is known by: SHA-256 of its SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in DER, in hexadecimal.
 * `openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | sha256sum` prints the same of a certificate.
 */
export const keyFingerprint = (key: KeyObject): string =>
	createHash('sha256')
		.update(key.export({ type: 'spki', format: 'der' }))
		.digest('hex');
