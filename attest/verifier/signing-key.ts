import { createHmac, createPrivateKey, type KeyObject } from 'node:crypto';

/** PKCS #8 of an Ed25519 key, up to the 32 bytes that it is (RFC 8410 section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The verifier's signing key, Ed25519, of the secret that its key file holds: there is one file to keep. */
export function signingKey(secret: Uint8Array): KeyObject {
	const seed = createHmac('sha256', secret).update('evidence').digest();
	return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}
