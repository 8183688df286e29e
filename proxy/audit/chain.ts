import { hash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';

/** Where a chain ends: the last record's number and hash. Whoever keeps one can tell when records go missing. */
export interface Head {
	readonly seq: number;
	/** Hex SHA-256. */
	readonly hash: string;
}

/** Before the first record. */
export const genesis: Head = Object.freeze({ seq: 0, hash: '0'.repeat(64) });

/** A line of the log, read and found to be what was written. */
export interface SealedRecord {
	readonly seq: number;
	/** ISO 8601, UTC, when it was appended. */
	readonly time: string;
	readonly record: unknown;
	readonly prev: string;
	readonly hash: string;
}

/** The next line of a chain, newline included. `record` is canonical JSON. */
export function seal(head: Head, time: string, record: string): { line: string; head: Head } {
	const seq = head.seq + 1;
	const content = `"record":${record},"seq":${seq},"time":${JSON.stringify(time)}}`;
	const sum = hash('sha256', `${head.hash}\n{${content}`, 'hex');
	// Its members are sorted, so the line is itself canonical JSON.
	return { line: `{"hash":"${sum}","prev":"${head.hash}",${content}\n`, head: { seq, hash: sum } };
}

const lineSchema = z.looseObject({
	hash: z.string(),
	prev: z.string(),
	record: z.looseObject({}),
	seq: z.int(),
	time: z.string(),
});

/** Reads a line (newline included) by itself: it is what was written, wherever it stands. */
export function unseal(bytes: Uint8Array): SealedRecord | undefined {
	let value: unknown;
	try {
		value = JSON.parse(Buffer.from(bytes).toString('utf8'));
	} catch {
		return undefined;
	}
	if (!lineSchema.safeParse(value).success) return undefined;
	const sealed = value as SealedRecord;
	const { line } = seal(
		{ seq: sealed.seq - 1, hash: sealed.prev },
		sealed.time,
		canonicalJson(sealed.record),
	);
	// By bytes: decoding maps different broken UTF-8 to the same text.
	return Buffer.from(line).equals(bytes) ? sealed : undefined;
}

/** Why `sealed` is not the record after `head`; undefined when it is. */
export function whyNotNext(head: Head, sealed: SealedRecord): string | undefined {
	if (sealed.seq !== head.seq + 1) return `record ${sealed.seq} follows record ${head.seq}`;
	if (sealed.prev !== head.hash) return `record ${sealed.seq} was not written after this record ${head.seq}`;
	return undefined;
}
