import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { digestOf } from '../model/blob.ts';
import { type EvidenceRecord, evidenceRecord } from '../model/evidence-record.ts';
import { hilName, moment, sha256 } from '../model/names.ts';

/** What stands first in a file of evidence. */
export const head = z.looseObject({
	bimetal: z.literal('evidence'),
	version: z.literal(1),
	exportedAt: moment,
	/** What the file is signed by: Ed25519, SubjectPublicKeyInfo in PEM. */
	key: z.string(),
	admission: z.looseObject({
		id: z.string(),
		node: hilName,
		project: hilName,
		state: z.string(),
		policy: sha256.nullable(),
	}),
});
const line = z.union([
	z.strictObject({ blob: sha256, gzip: z.base64() }),
	z.strictObject({ record: evidenceRecord }),
]);
const end = z.strictObject({ signature: z.base64() });

export interface EvidenceFile {
	readonly head: z.output<typeof head>;
	/** That the file itself names. */
	readonly key: KeyObject;
	readonly blobs: ReadonlyMap<string, Buffer>;
	readonly records: readonly EvidenceRecord[];
}

/** Bytes that one log or list may have. */
const largest = 64 * 1024 * 1024;

/**
 * Reads a file of evidence: JSON, one document a line, the last of which signs all before it.
 * @param trusted who must have signed it; the key that the file names when absent
 * @throws BimetalError EvidenceUnreadable, EvidenceForeign (signed by another key, or changed)
 */
export function readEvidence(text: string, trusted?: KeyObject): EvidenceFile {
	const cut = text.lastIndexOf('\n', text.length - 2) + 1;
	const lines = text.slice(0, cut).split('\n').slice(0, -1);
	const first = parse(head, lines[0] ?? '', 1);
	const key = keyOf(first.key);
	const { signature } = parse(end, text.slice(cut), lines.length + 1);
	if (trusted && !trusted.equals(key)) throw foreign('signed by another key than the one given');
	if (!verify(null, Buffer.from(text.slice(0, cut)), key, Buffer.from(signature, 'base64')))
		throw foreign('not as it was signed: something in it was changed');
	const blobs = new Map<string, Buffer>();
	const records: EvidenceRecord[] = [];
	for (const [index, each] of lines.entries()) {
		if (index === 0) continue;
		const value = parse(line, each, index + 1);
		if ('record' in value) records.push(value.record);
		else blobs.set(value.blob, unzipped(value, index + 1));
	}
	return { head: first, key, blobs, records };
}

function parse<T>(schema: z.ZodType<T>, text: string, number: number): T {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		throw unreadable(`line ${number} is no JSON`);
	}
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	throw unreadable(`line ${number}: ${parsed.error.issues[0]?.message ?? 'it does not fit'}`);
}

function unzipped({ blob, gzip }: { readonly blob: string; readonly gzip: string }, number: number): Buffer {
	try {
		const bytes = gunzipSync(Buffer.from(gzip, 'base64'), { maxOutputLength: largest });
		if (digestOf(bytes) === blob) return bytes;
	} catch {
		// Said below.
	}
	throw unreadable(`line ${number} is not what it says`);
}

function keyOf(pem: string): KeyObject {
	try {
		const key = createPublicKey(pem);
		if (key.asymmetricKeyType === 'ed25519') return key;
	} catch {
		// Said below.
	}
	throw unreadable('the key that it names is none');
}

const unreadable = (why: string): BimetalError =>
	new BimetalError('EvidenceUnreadable', `this is no evidence of a verifier: ${why}`, { status: 400 });
const foreign = (why: string): BimetalError =>
	new BimetalError('EvidenceForeign', `the evidence is ${why}`, { status: 409 });
