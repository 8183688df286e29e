import {
	createPrivateKey,
	createPublicKey,
	generateKeyPairSync,
	type KeyObject,
	sign,
	verify,
} from 'node:crypto';
import { governanceErrors } from './errors.ts';

/** How a public key stands in the agreement: `ed25519:` and its 32 bytes in base64url. */
export const publicKeyPattern = /^ed25519:[A-Za-z0-9_-]{43}$/;

export interface SigningKey {
	/** PKCS#8 PEM: the party's own, never the proxy's. */
	readonly privatePem: string;
	readonly publicKey: string;
}

export function generateSigningKey(): SigningKey {
	const { privateKey } = generateKeyPairSync('ed25519');
	const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
	return { privatePem, publicKey: publicKeyOf(privatePem) };
}

/** The public key of a private one; throws SigningKeyInvalid when it is none. */
export function publicKeyOf(privatePem: string): string {
	const { x } = createPublicKey(readPrivate(privatePem)).export({ format: 'jwk' });
	return `ed25519:${x}`;
}

/** Ed25519 (RFC 8032) over `purpose`, a newline and `text`; base64. The purpose keeps uses of a key apart. */
export function signText(privatePem: string, purpose: string, text: string): string {
	return sign(null, statement(purpose, text), readPrivate(privatePem)).toString('base64');
}

/** False on anything but the one text of a valid signature. Never throws. */
export function verifyText(publicKey: string, purpose: string, text: string, signature: string): boolean {
	const bytes = Buffer.from(signature, 'base64');
	// Base64 has several texts for the same bytes; only one of them counts.
	if (bytes.length !== 64 || bytes.toString('base64') !== signature) return false;
	try {
		return verify(null, statement(purpose, text), readPublic(publicKey), bytes);
	} catch {
		return false;
	}
}

/** Whether the text is a public key at all: a point that OpenSSL takes. */
export function isPublicKey(text: string): boolean {
	try {
		readPublic(text);
		return true;
	} catch {
		return false;
	}
}

/** The public key that a text or a PEM holds, as the agreement has it; undefined when it holds none. */
export function publicKeyText(given: string): string | undefined {
	if (given.startsWith('ed25519:')) return isPublicKey(given) ? given : undefined;
	if (!given.startsWith('-----BEGIN PUBLIC KEY-----')) return undefined;
	try {
		const key = createPublicKey(given);
		return key.asymmetricKeyType === 'ed25519' ? `ed25519:${key.export({ format: 'jwk' }).x}` : undefined;
	} catch {
		return undefined;
	}
}

const statement = (purpose: string, text: string): Buffer =>
	Buffer.from(`bimetal ${purpose}\n${text}`, 'utf8');

function readPrivate(pem: string): KeyObject {
	let key: KeyObject;
	try {
		key = createPrivateKey(pem);
	} catch (cause) {
		throw governanceErrors.SigningKeyInvalid('this is no private key in PEM', { cause });
	}
	if (key.asymmetricKeyType !== 'ed25519')
		throw governanceErrors.SigningKeyInvalid(`this is a key for ${key.asymmetricKeyType}, not for Ed25519`);
	return key;
}

function readPublic(text: string): KeyObject {
	if (!publicKeyPattern.test(text)) throw new TypeError('not the text of a public key');
	const x = text.slice('ed25519:'.length);
	if (Buffer.from(x, 'base64url').toString('base64url') !== x)
		throw new TypeError('not the one text of a key');
	return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}
