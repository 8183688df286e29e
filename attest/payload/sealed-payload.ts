import {
	constants,
	createCipheriv,
	createHash,
	createHmac,
	createPublicKey,
	type KeyObject,
	pbkdf2Sync,
	publicEncrypt,
} from 'node:crypto';

/** Bytes of plaintext: keys, certificates and a script, no images. */
export const largestPayload = 64 * 1024;
/** Of the three parts of a key, and of the key that they make. */
export const partBytes = 32;
/** What a sealed payload has besides its plaintext: `Salted__`, salt and HMAC. */
export const sealedExtra = 8 + 8 + 32;

/** What a payload is sealed for: one admission of one node, with the key that its quote was bound to. */
export interface PayloadIdentity {
	readonly admission: string;
	readonly node: string;
	/** SubjectPublicKeyInfo in DER. */
	readonly nodeKey: Uint8Array;
}

/** What makes K, 32 bytes each: `t` for the TPM, `u` for the node key, `v` for as long as the verifier vouches for the node. */
export interface KeyParts {
	readonly t: Uint8Array;
	readonly u: Uint8Array;
	readonly v: Uint8Array;
}

/** K = T xor U xor V: whoever lacks one of them knows nothing of it. */
export function joinParts({ t, u, v }: KeyParts): Buffer {
	for (const { length } of [t, u, v])
		if (length !== partBytes) throw new RangeError(`a part of a key has ${partBytes} bytes, not ${length}`);
	return Buffer.from(t.map((byte, index) => byte ^ (u[index] ?? 0) ^ (v[index] ?? 0)));
}

/**
 * AES-256-CTR, then HMAC-SHA256 over identity and ciphertext, as Debian's openssl can undo it in a shell
 * (docs/decisions/0036-a-payload-is-sealed-for-openssl.md): `Salted__` ‖ salt ‖ ciphertext ‖ HMAC.
 * @param key K, 32 bytes, never used for another payload
 * @param salt 8 bytes
 */
export function sealPayload(
	payload: Uint8Array,
	{
		key,
		salt,
		identity,
	}: { readonly key: Uint8Array; readonly salt: Uint8Array; readonly identity: PayloadIdentity },
): Buffer {
	const derive = (what: string): Buffer => createHmac('sha256', key).update(what).digest();
	// What `openssl enc -pbkdf2 -iter 1` makes of a password: one round is enough for 256 random bits.
	const made = pbkdf2Sync(derive('encrypt').toString('hex'), salt, 1, 48, 'sha256');
	const cipher = createCipheriv('aes-256-ctr', made.subarray(0, 32), made.subarray(32));
	const encrypted = Buffer.concat([Buffer.from('Salted__'), salt, cipher.update(payload), cipher.final()]);
	const mac = createHmac('sha256', derive('authenticate')).update(identityText(identity)).update(encrypted);
	return Buffer.concat([encrypted, mac.digest()]);
}

/** Names may hold anything, but neither an admission's id nor a digest has a newline: no two identities read the same. */
const identityText = ({ admission, node, nodeKey }: PayloadIdentity): string =>
	`bimetal payload 2\n${admission}\n${node}\n${createHash('sha256').update(nodeKey).digest('hex')}\n`;

/** RSA-OAEP with SHA-256 (RFC 8017 section 7.1), as `openssl pkeyutl -pkeyopt rsa_oaep_md:sha256` undoes it. */
export const encryptToNode = (key: KeyObject, part: Uint8Array): Buffer =>
	publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, part);

/** An RSA key of 2048 bits or more; undefined for anything else. @param der SubjectPublicKeyInfo */
export function readNodeKey(der: Uint8Array): KeyObject | undefined {
	try {
		const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
		const isFit = key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
		return isFit ? key : undefined;
	} catch {
		return undefined;
	}
}
