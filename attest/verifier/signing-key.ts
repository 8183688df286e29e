import { createHash, createHmac, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { defineCollection, type Store } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { sha256 } from '../model/names.ts';

/** By which key the verifiers of a store sign: its fingerprint, never the key. */
const verifierKeys = defineCollection('verifier-keys', z.strictObject({ fingerprint: sha256 }));

/** PKCS #8 of an Ed25519 key, up to the 32 bytes that it is (RFC 8410 section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The verifier's signing key, Ed25519, of the secret that its key file holds: there is one file to keep. */
export function signingKey(secret: Uint8Array): KeyObject {
	const seed = createHmac('sha256', secret).update('evidence').digest();
	return createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

/**
 * Of several processes with one store all must have the same key: a nonce that one has made is answered at another, and what one
 * has sealed another opens. @param file where this one's key is, for the message. @throws VerifierKeyDiffers
 */
export async function assertSameKey(store: Store, key: KeyObject, file: string): Promise<void> {
	const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
	const fingerprint = createHash('sha256').update(spki).digest('hex');
	const known = await store.transact(async tx => {
		const found = await tx.get(verifierKeys, 'verifier');
		if (!found) await tx.put(verifierKeys, 'verifier', { fingerprint });
		return found?.fingerprint ?? fingerprint;
	});
	if (known === fingerprint) return;
	throw attestErrors.VerifierKeyDiffers(
		`The key in ${file} is not the one that the verifiers of this store have: put theirs there, and start again.`,
	);
}
