import { createHash } from 'node:crypto';
import { type CanonicalRequest, describeImage } from './canonical-request.ts';
import type { Query } from './query.ts';

/** Everything that an approval is bound to. Change any of it and the digest is another. */
export interface DigestSubject {
	readonly method: string;
	readonly path: string;
	readonly query: Query;
	readonly ifMatch: string | undefined;
	/** Matters for uploads, where the boundary decides how the bytes are read; absent without a body. */
	readonly contentType?: string | undefined;
	readonly bodyBytes: Uint8Array | undefined;
	readonly bmc: string;
	readonly policyVersion: string;
	/** Makes the digest of two equal requests differ, so that an approval serves once. */
	readonly nonce: string;
}

/**
 * What of a body the digest binds: its bytes, and of an upload the JSON text of `{"UpdateParameters": …, "Image": {"SHA256",
 * "Size", "FileName"}}`, in this order and without spaces: the boundary between them is drawn anew when they are sent.
 */
export function boundBytes(
	request: Pick<CanonicalRequest, 'body' | 'bytes' | 'image'>,
): Uint8Array | undefined {
	const { body = null, bytes, image } = request;
	if (!image) return bytes;
	return Buffer.from(JSON.stringify({ UpdateParameters: body, Image: describeImage(image) }));
}

/** SHA-256 in hex over `encodeDigestSubject`. Throws a TypeError on strings with lone surrogates. */
export function digestRequest(subject: DigestSubject): string {
	const hash = createHash('sha256');
	for (const piece of pieces(subject)) hash.update(piece);
	return hash.digest('hex');
}

/** What is hashed: each field preceded by its length, so that no two different subjects look alike. */
export function encodeDigestSubject(subject: DigestSubject): Buffer {
	return Buffer.concat(pieces(subject));
}

function pieces(subject: DigestSubject): Uint8Array[] {
	return [
		...text('bimetal request 1'),
		...text(subject.method),
		...text(subject.path),
		count(subject.query.length),
		...subject.query.flatMap(([name, value]) => [...text(name), ...text(value)]),
		...optional(subject.ifMatch),
		...optional(subject.contentType),
		...(subject.bodyBytes === undefined ? [absent] : [present, ...bytes(subject.bodyBytes)]),
		...text(subject.bmc),
		...text(subject.policyVersion),
		...text(subject.nonce),
	];
}

const absent = Uint8Array.of(0);
const present = Uint8Array.of(1);

function optional(value: string | undefined): Uint8Array[] {
	return value === undefined ? [absent] : [present, ...text(value)];
}

function text(value: string): Uint8Array[] {
	// Two different lone surrogates would both become U+FFFD in UTF-8, and so look alike.
	if (!value.isWellFormed()) throw new TypeError('a digested string holds half a surrogate pair');
	return bytes(Buffer.from(value, 'utf8'));
}

function bytes(value: Uint8Array): Uint8Array[] {
	return [count(value.length), value];
}

function count(value: number): Uint8Array {
	const encoded = Buffer.alloc(8);
	encoded.writeBigUInt64BE(BigInt(value));
	return encoded;
}
