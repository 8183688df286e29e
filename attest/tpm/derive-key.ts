import { createHash, createHmac } from 'node:crypto';
import { HASH_SIZES, type HashName } from './algorithms.ts';

/** KDFa (TPM 2.0 Part 1, section 11.4.10.2): counter mode of NIST SP 800-108 with HMAC. Whole bytes only. */
export function kdfa(
	hash: HashName,
	key: Buffer,
	label: string,
	contextU: Buffer,
	contextV: Buffer,
	bits: number,
): Buffer {
	const after = Buffer.concat([Buffer.from(`${label}\0`), contextU, contextV, u32(bits)]);
	return rounds(hash, bits, counter => createHmac(hash, key).update(counter).update(after).digest());
}

/** KDFe (section 11.4.10.3): of an ECDH secret `z` and the x coordinates of both parties' points. */
export function kdfe(
	hash: HashName,
	z: Buffer,
	label: string,
	partyU: Buffer,
	partyV: Buffer,
	bits: number,
): Buffer {
	const after = Buffer.concat([z, Buffer.from(`${label}\0`), partyU, partyV]);
	return rounds(hash, bits, counter => createHash(hash).update(counter).update(after).digest());
}

function rounds(hash: HashName, bits: number, round: (counter: Buffer) => Buffer): Buffer {
	const count = Math.ceil(bits / 8 / HASH_SIZES[hash]);
	const blocks = Array.from({ length: count }, (_, index) => round(u32(index + 1)));
	return Buffer.concat(blocks).subarray(0, bits / 8);
}

function u32(value: number): Buffer {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
}
