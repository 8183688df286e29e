import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Texts signed with Ed25519 in the form of the C2SP specification "signed-note", so that tools which know nothing of
 * Bimetal can check them: the text, an empty line, and for each signature `— name base64(key id, signature)`.
 */
export interface NoteVerifier {
	/** Of the key; for a log its origin. */
	readonly name: string;
	/** The public key as one line: `name+key id+base64(1, key)`, the note tools' verifier key. */
	readonly text: string;
	/** Four bytes in hex that tell keys of one name apart. */
	readonly keyId: string;
	verify(text: Uint8Array, signature: Uint8Array): boolean;
}

export interface NoteSigner extends NoteVerifier {
	/** The whole note. `text` ends with a newline. */
	sign(text: string): string;
}

const ed25519 = 1;
const nameForm = /^[\w./:-]{1,200}$/;

// RFC 8410: what stands before the 32 bytes of a private and of a public Ed25519 key in DER.
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** The signer whose private key is `seed` (32 bytes). Throws a RangeError on a name that no note can carry. */
export function signerOf(name: string, seed: Uint8Array): NoteSigner {
	const key = createPrivateKey({
		key: Buffer.concat([privatePrefix, seed]),
		format: 'der',
		type: 'pkcs8',
	});
	const publicKey = createPublicKey(key)
		.export({ format: 'der', type: 'spki' })
		.subarray(publicPrefix.length);
	const verifier = verifierOf(name, publicKey);
	return {
		...verifier,
		sign(text) {
			const signature = Buffer.concat([
				Buffer.from(verifier.keyId, 'hex'),
				sign(null, Buffer.from(text), key),
			]);
			return `${text}\n— ${name} ${signature.toString('base64')}\n`;
		},
	};
}

function verifierOf(name: string, raw: Uint8Array): NoteVerifier {
	if (!nameForm.test(name)) throw new RangeError(`'${name}' cannot be the name of a key`);
	const key: KeyObject = createPublicKey({
		key: Buffer.concat([publicPrefix, raw]),
		format: 'der',
		type: 'spki',
	});
	const typed = Buffer.concat([Buffer.of(ed25519), raw]);
	const keyId = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'hex').slice(0, 8);
	return {
		name,
		keyId,
		text: `${name}+${keyId}+${typed.toString('base64')}`,
		verify: (text, signature) => signature.length === 64 && verify(null, text, key, signature),
	};
}

/** Reads a verifier key; undefined when the line is none, or its id is not its own. */
export function parseVerifier(line: string): NoteVerifier | undefined {
	const [, name, keyId, encoded] = /^([^\s+]{1,200})\+([0-9a-f]{8})\+([\w+/=]{44})$/.exec(line.trim()) ?? [];
	const typed = fromBase64(encoded ?? '');
	if (!name || typed?.length !== 33 || typed[0] !== ed25519 || !nameForm.test(name)) return undefined;
	const verifier = verifierOf(name, typed.subarray(1));
	return verifier.keyId === keyId ? verifier : undefined;
}

/** The text of a note that this key signed (other signatures are passed over); undefined when it did not. */
export function openNote(note: string, verifier: NoteVerifier): string | undefined {
	const end = note.lastIndexOf('\n\n');
	if (end === -1 || !note.endsWith('\n')) return undefined;
	const text = note.slice(0, end + 1);
	for (const line of note.slice(end + 2, -1).split('\n')) {
		const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
		if (name === undefined) return undefined;
		const signature = fromBase64(encoded ?? '');
		if (name !== verifier.name || signature?.subarray(0, 4).toString('hex') !== verifier.keyId) continue;
		if (verifier.verify(Buffer.from(text), signature.subarray(4))) return text;
	}
	return undefined;
}

/** Standard base64 with its padding, and nothing else that Node would let pass; undefined otherwise. */
export function fromBase64(text: string): Buffer | undefined {
	const bytes = Buffer.from(text, 'base64');
	return bytes.toString('base64') === text ? bytes : undefined;
}
