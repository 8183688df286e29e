import {
	constants,
	createCipheriv,
	createDecipheriv,
	createHash,
	createPrivateKey,
	createPublicKey,
	diffieHellman,
	generateKeyPairSync,
	hkdfSync,
	type KeyObject,
	privateDecrypt,
	publicEncrypt,
	X509Certificate,
} from 'node:crypto';
import { z } from 'zod';
import { recoveryErrors } from './errors.ts';

const base64 = z.base64();
const about = {
	format: z.literal('bimetal-share-1'),
	/** Which backup it helps to open. */
	backup: z.string().regex(/^[0-9a-f]{32}$/),
	site: z.string(),
	party: z.string(),
	threshold: z.int().min(2),
	parties: z.int().min(2),
};
const sealedShare = z.strictObject({
	...about,
	/** SHA-256 of the public key that it is encrypted to. */
	to: z.string().regex(/^[0-9a-f]{64}$/),
	sealed: z.discriminatedUnion('kind', [
		z.strictObject({ kind: z.literal('x25519'), ephemeral: base64, box: base64 }),
		z.strictObject({ kind: z.literal('rsa-oaep'), box: base64 }),
	]),
});
const openShare = z.strictObject({ ...about, share: base64 });

type About = Pick<SealedShare, keyof typeof about>;
type SealedShare = z.infer<typeof sealedShare>;
export type OpenShare = z.infer<typeof openShare>;

/** A key pair for one party's shares (X25519): the private key as PKCS#8, the public one as SPKI, both PEM. */
export function newRecoveryKey(): { privateKey: string; publicKey: string } {
	const { privateKey, publicKey } = generateKeyPairSync('x25519');
	return {
		privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
		publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
	};
}

/**
 * The key that shares are encrypted to: a public key, or a certificate's. X25519, or RSA of 2048 bits or more.
 * @throws BimetalError RecoveryKeyMissing
 */
export function readRecipient(party: string, pem: string): KeyObject {
	let key: KeyObject;
	try {
		key = pem.includes('CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
	} catch (cause) {
		throw recoveryErrors.RecoveryKeyMissing(`the recovery key of ${party} cannot be read`, { cause });
	}
	const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
	if (key.asymmetricKeyType === 'x25519' || (key.asymmetricKeyType === 'rsa' && bits >= 2048)) return key;
	throw recoveryErrors.RecoveryKeyMissing(
		`the key of ${party} is ${key.asymmetricKeyType}: shares are encrypted to X25519 or RSA keys`,
	);
}

const fingerprintOf = (key: KeyObject): string =>
	createHash('sha256')
		.update(key.export({ type: 'spki', format: 'der' }))
		.digest('hex');

/** What stands in clear is bound to what is encrypted. */
const binding = ({ format, backup, site, party, threshold, parties }: About): Buffer =>
	Buffer.from(JSON.stringify([format, backup, site, party, threshold, parties]));

/** A share that only its party's key opens, as the text of a file. */
export function sealShare(share: Uint8Array, to: KeyObject, meta: Omit<About, 'format'>): string {
	const info: About = { format: 'bimetal-share-1', ...meta };
	const sealed: SealedShare = { ...info, to: fingerprintOf(to), sealed: encrypt(share, to, binding(info)) };
	return `${JSON.stringify(sealed, null, '\t')}\n`;
}

/** Opens a share with its party's private key (PEM). @throws BimetalError ShareUnreadable, ShareNotYours */
export function unsealShare(text: string, privatePem: string): OpenShare {
	const { to, sealed, ...info } = parse(text, sealedShare);
	let key: KeyObject;
	try {
		key = createPrivateKey(privatePem);
	} catch (cause) {
		throw recoveryErrors.ShareNotYours('the key is no private key in PEM', { cause });
	}
	if (fingerprintOf(createPublicKey(key)) !== to) {
		throw recoveryErrors.ShareNotYours(
			`the share of ${info.party} is encrypted to another key than this one`,
		);
	}
	try {
		const share = Buffer.from(decrypt(sealed, key, binding(info)));
		return { ...info, share: share.toString('base64') };
	} catch (cause) {
		throw recoveryErrors.ShareUnreadable(`the share of ${info.party} was changed`, { cause });
	}
}

export const renderOpenShare = (share: OpenShare): string => `${JSON.stringify(share, null, '\t')}\n`;

/** @throws BimetalError ShareUnreadable, ShareNotOpened */
export function parseOpenShare(name: string, text: string): OpenShare {
	if (jsonOf(text, sealedShare)) throw recoveryErrors.ShareNotOpened(`${name} is still encrypted`);
	const found = jsonOf(text, openShare);
	if (!found) throw recoveryErrors.ShareUnreadable(`${name} is no share of a backup`);
	return found;
}

function parse<T>(text: string, schema: z.ZodType<T>): T {
	const found = jsonOf(text, schema);
	if (!found) throw recoveryErrors.ShareUnreadable('the file is no encrypted share of a backup');
	return found;
}

function jsonOf<T>(text: string, schema: z.ZodType<T>): T | undefined {
	try {
		return schema.safeParse(JSON.parse(text)).data;
	} catch {
		return undefined;
	}
}

/**
 * X25519 with a key of one use, HKDF-SHA-256 and AES-256-GCM (as RFC 9180 puts them together); RSA-OAEP with
 * SHA-256 (RFC 8017).
 */
function encrypt(share: Uint8Array, to: KeyObject, bound: Buffer): SealedShare['sealed'] {
	if (to.asymmetricKeyType === 'rsa') {
		const box = publicEncrypt({ key: to, ...oaep, oaepLabel: bound }, share);
		return { kind: 'rsa-oaep', box: box.toString('base64') };
	}
	const { privateKey, publicKey } = generateKeyPairSync('x25519');
	const cipher = createCipheriv('aes-256-gcm', sharedKey(privateKey, to, publicKey, to), Buffer.alloc(12));
	cipher.setAAD(bound);
	const box = Buffer.concat([cipher.update(share), cipher.final(), cipher.getAuthTag()]);
	const ephemeral = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
	return { kind: 'x25519', ephemeral, box: box.toString('base64') };
}

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

function decrypt(sealed: SealedShare['sealed'], key: KeyObject, bound: Buffer): Uint8Array {
	const box = Buffer.from(sealed.box, 'base64');
	if (sealed.kind === 'rsa-oaep') return privateDecrypt({ key, ...oaep, oaepLabel: bound }, box);
	const ephemeral = createPublicKey({
		key: Buffer.from(sealed.ephemeral, 'base64'),
		type: 'spki',
		format: 'der',
	});
	const secret = sharedKey(key, ephemeral, ephemeral, createPublicKey(key));
	const decipher = createDecipheriv('aes-256-gcm', secret, Buffer.alloc(12), { authTagLength: 16 });
	decipher.setAAD(bound);
	decipher.setAuthTag(box.subarray(-16));
	return Buffer.concat([decipher.update(box.subarray(0, -16)), decipher.final()]);
}

/** Used for one message only: each has an ephemeral key of its own. */
function sharedKey(own: KeyObject, other: KeyObject, ephemeral: KeyObject, to: KeyObject): Buffer {
	const secret = diffieHellman({ privateKey: own, publicKey: other });
	const salt = Buffer.concat([ephemeral, to].map(key => key.export({ type: 'spki', format: 'der' })));
	return Buffer.from(hkdfSync('sha256', secret, salt, 'bimetal share v1', 32));
}
