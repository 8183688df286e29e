import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { type ByteReader, readAll } from '../bytes/byte-reader.ts';
import type { Outcome } from '../outcome.ts';
import { ALG, CURVES, type Curve, HASH_IDS, HASHES, type HashName } from './algorithms.ts';

/** A key's public area, TPM2B_PUBLIC (TPM 2.0 Part 2, section 12.2), as tools write it with `-f tss`. */
export interface PublicArea {
	readonly nameAlg: HashName;
	/** TPMA_OBJECT, as bits. */
	readonly attributes: number;
	readonly policy: Buffer;
	/** How a storage key protects its children; signing keys have none. */
	readonly symmetric: { readonly bits: number } | undefined;
	readonly scheme: Scheme | undefined;
	readonly key: RsaKey | EccKey;
	/** The same for node:crypto: made once, for that takes longer than verifying a signature. */
	readonly keyObject: KeyObject;
	/** nameAlg ‖ H(area): what says which key this is, attributes included. */
	readonly name: Buffer;
}

export interface Scheme {
	readonly algorithm: number;
	readonly hash: HashName;
}

interface RsaKey {
	readonly kind: 'rsa';
	readonly bits: number;
	readonly exponent: number;
	readonly modulus: Buffer;
}

export interface EccKey {
	readonly kind: 'ecc';
	readonly curve: Curve;
	readonly x: Buffer;
	readonly y: Buffer;
}

export function parsePublicArea(bytes: Uint8Array, what = 'the public area'): Outcome<PublicArea> {
	const area = readAll(bytes, what, reader => reader.sized16());
	if (!area.ok) return area;
	return readAll(area.value, what, reader => {
		const type = reader.u16();
		const nameAlg = readHash(reader, 'its name');
		const attributes = reader.u32();
		const policy = reader.sized16();
		if (type !== ALG.rsa && type !== ALG.ecc) reader.fail(`is of type ${hex(type)}`, 'Unsupported');
		const symmetric = readSymmetric(reader);
		const scheme = readScheme(reader);
		const key = type === ALG.rsa ? readRsa(reader) : readEcc(reader);
		const keyObject =
			keyObjectOf(key) ?? reader.fail('has no key of its kind: its point is not on its curve');
		const name = nameOf(nameAlg, area.value);
		return { nameAlg, attributes, policy, symmetric, scheme, key, keyObject, name };
	});
}

function nameOf(nameAlg: HashName, area: Buffer): Buffer {
	const id = Buffer.alloc(2);
	id.writeUInt16BE(HASH_IDS[nameAlg]);
	return Buffer.concat([id, createHash(nameAlg).update(area).digest()]);
}

export function readHash(reader: ByteReader, of: string): HashName {
	const id = reader.u16();
	const hash = HASHES.get(id);
	return hash ? hash.name : reader.fail(`has hash ${hex(id)} for ${of}`, 'Unsupported');
}

function readSymmetric(reader: ByteReader): PublicArea['symmetric'] {
	const algorithm = reader.u16();
	if (algorithm === ALG.null) return undefined;
	const bits = reader.u16();
	const mode = reader.u16();
	if (algorithm !== ALG.aes || mode !== ALG.cfb || ![128, 192, 256].includes(bits))
		reader.fail(`has symmetric algorithm ${hex(algorithm)} of ${bits} bits`, 'Unsupported');
	return { bits };
}

function readScheme(reader: ByteReader): Scheme | undefined {
	const algorithm = reader.u16();
	if (algorithm === ALG.null) return undefined;
	const isKnown = algorithm === ALG.rsassa || algorithm === ALG.rsapss || algorithm === ALG.ecdsa;
	if (!isKnown) reader.fail(`has scheme ${hex(algorithm)}`, 'Unsupported');
	return { algorithm, hash: readHash(reader, 'its scheme') };
}

function readRsa(reader: ByteReader): RsaKey {
	const bits = reader.u16();
	const exponent = reader.u32() || 65_537;
	const modulus = reader.sized16();
	if (![2048, 3072, 4096].includes(bits)) reader.fail(`is an RSA key of ${bits} bits`, 'Unsupported');
	if (modulus.length * 8 !== bits || (modulus[0] ?? 0) < 0x80)
		reader.fail(`has a modulus that is not of ${bits} bits`);
	if (exponent !== 65_537) reader.fail(`has RSA exponent ${exponent}`, 'Unsupported');
	return { kind: 'rsa', bits, exponent, modulus };
}

function readEcc(reader: ByteReader): EccKey {
	const id = reader.u16();
	const curve = CURVES.get(id) ?? reader.fail(`is on curve ${hex(id)}`, 'Unsupported');
	const kdf = reader.u16();
	if (kdf !== ALG.null) reader.fail(`has key derivation ${hex(kdf)}`, 'Unsupported');
	const [x, y] = [reader.sized16(), reader.sized16()];
	if (x.length > curve.size || y.length > curve.size) reader.fail('has a coordinate that is too long');
	return { kind: 'ecc', curve, x: leftPadded(x, curve.size), y: leftPadded(y, curve.size) };
}

/** Undefined for a point that is not on its curve, or a modulus that is no key. */
function keyObjectOf(key: RsaKey | EccKey): KeyObject | undefined {
	const url = (bytes: Buffer) => bytes.toString('base64url');
	const jwk =
		key.kind === 'rsa'
			? { kty: 'RSA', n: url(key.modulus), e: 'AQAB' }
			: { kty: 'EC', crv: key.curve.jwk, x: url(key.x), y: url(key.y) };
	try {
		return createPublicKey({ key: jwk, format: 'jwk' });
	} catch {
		return undefined;
	}
}

/** TPMs may leave leading zeros out of numbers. */
export const leftPadded = (bytes: Buffer, size: number): Buffer =>
	bytes.length < size ? Buffer.concat([Buffer.alloc(size - bytes.length), bytes]) : bytes;

export const hex = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`;
