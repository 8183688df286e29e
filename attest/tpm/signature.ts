import { constants, verify } from 'node:crypto';
import { readAll } from '../bytes/byte-reader.ts';
import { accept, type Outcome, refuse } from '../outcome.ts';
import { ALG, HASH_SIZES } from './algorithms.ts';
import { hex, type PublicArea, readHash, type Scheme } from './public-area.ts';

/** TPMT_SIGNATURE (TPM 2.0 Part 2, section 11.3.4). */
interface Signature extends Scheme {
	/** RSA's number, or r and s one after another, each as the TPM gave it. */
	readonly parts: readonly Buffer[];
}

function parseSignature(bytes: Uint8Array): Outcome<Signature> {
	return readAll(bytes, 'the signature', reader => {
		const algorithm = reader.u16();
		if (algorithm !== ALG.rsassa && algorithm !== ALG.rsapss && algorithm !== ALG.ecdsa)
			reader.fail(`is of scheme ${hex(algorithm)}`, 'Unsupported');
		const hash = readHash(reader, 'its digest');
		const first = reader.sized16();
		return { algorithm, hash, parts: algorithm === ALG.ecdsa ? [first, reader.sized16()] : [first] };
	});
}

/** TPMs before revision 1.59 use the longest salt; FIPS ones that of the digest. */
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };

/** Ecdsa-Sig-Value (RFC 3279 section 2.2.3) of r and s: node:crypto takes it in two thirds of the time that it takes both plain. */
export const ecdsaDer = (parts: readonly Buffer[]): Buffer => {
	const numbers = parts.flatMap(part => {
		const first = part.findIndex(byte => byte !== 0);
		const digits = first < 0 ? Buffer.of(0) : part.subarray(first);
		// A first bit that is set would make it negative.
		const sign = (digits[0] ?? 0) >= 0x80 ? [Buffer.of(0)] : [];
		return [Buffer.of(0x02, digits.length + sign.length), ...sign, digits];
	});
	const length = numbers.reduce((sum, each) => sum + each.length, 0);
	return Buffer.concat([Buffer.of(0x30, length), ...numbers]);
};

/** Whether `key` made `signature` over `message`: by the key's own scheme only, whatever the signature says of itself. */
export function verifySignature(key: PublicArea, message: Uint8Array, signature: Uint8Array): Outcome<void> {
	const parsed = parseSignature(signature);
	if (!parsed.ok) return parsed;
	const { algorithm, hash, parts } = parsed.value;
	const { scheme } = key;
	if (scheme && (scheme.algorithm !== algorithm || scheme.hash !== hash))
		return refuse(
			'SignatureWrong',
			`the signature is of scheme ${hex(algorithm)} with ${hash}, the key’s is another`,
		);
	if (hash === 'sha1') return refuse('Unsupported', 'the signature uses SHA-1');
	const wrong = () =>
		refuse('SignatureWrong', 'the signature does not verify with this key over these bytes');
	if (key.key.kind === 'rsa') {
		const [number] = parts;
		if (algorithm === ALG.ecdsa || number?.length !== key.key.modulus.length) return wrong();
		// A key by itself is verified with by PKCS #1 v1.5, and in two thirds of the time that one with options takes.
		const by = algorithm === ALG.rsassa ? key.keyObject : { key: key.keyObject, ...pss };
		return verify(hash, message, by, number) ? accept(undefined) : wrong();
	}
	const { size } = key.key.curve;
	if (algorithm !== ALG.ecdsa || parts.some(part => part.length > size)) return wrong();
	if (HASH_SIZES[hash] > size) return refuse('Unsupported', `${hash} with a curve of ${size * 8} bits`);
	return verify(hash, message, key.keyObject, ecdsaDer(parts)) ? accept(undefined) : wrong();
}
