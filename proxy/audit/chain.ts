import { hash } from 'node:crypto';

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

const members = 'hash,prev,record,seq,time';

/** Reads a line (newline included) by itself: it is what was written, wherever it stands. */
export function unseal(bytes: Uint8Array): SealedRecord | undefined {
	const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
	// Decoding maps different broken UTF-8 to the same text.
	if (text.includes('\ufffd') && !Buffer.from(text).equals(bytes)) return undefined;
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		return undefined;
	}
	if (!isSealed(value)) return undefined;
	// No member twice and nothing between them: every parser reads the same.
	if (text !== `${JSON.stringify(value)}\n`) return undefined;
	const content = text.slice(`{"hash":"${value.hash}","prev":"${value.prev}",`.length, -1);
	return hash('sha256', `${value.prev}\n{${content}`, 'hex') === value.hash ? value : undefined;
}

function isSealed(value: unknown): value is SealedRecord {
	if (typeof value !== 'object' || value === null || Object.keys(value).join() !== members) return false;
	const { record, seq, time, prev, hash: sum } = value as Record<string, unknown>;
	return (
		typeof record === 'object' &&
		record !== null &&
		Number.isSafeInteger(seq) &&
		[time, prev, sum].every(text => typeof text === 'string')
	);
}

/** Why `sealed` is not the record after `head`; undefined when it is. */
export function whyNotNext(head: Head, sealed: SealedRecord): string | undefined {
	if (sealed.seq !== head.seq + 1) return `record ${sealed.seq} follows record ${head.seq}`;
	if (sealed.prev !== head.hash) return `record ${sealed.seq} was not written after this record ${head.seq}`;
	return undefined;
}
