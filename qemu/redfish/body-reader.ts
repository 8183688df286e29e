import type { Framing } from './request-head.ts';

export type BodyStep = { kind: 'more' } | { kind: 'bad' } | { kind: 'done'; body: Buffer; rest: Buffer };

export interface BodyReader {
	push(bytes: Buffer): BodyStep;
}

const NOTHING = Buffer.alloc(0);

/**
 * Collects one request's body; more than `limit` bytes, or a malformed chunk, is `bad`. What is given to `take` as it
 * comes is not collected.
 */
export function createBodyReader(
	framing: Framing,
	limit: number,
	take?: ((bytes: Buffer) => void) | undefined,
): BodyReader {
	if (framing.kind === 'none') return { push: bytes => ({ kind: 'done', body: NOTHING, rest: bytes }) };
	const parts: Buffer[] = [];
	const keep = take ?? ((bytes: Buffer) => void parts.push(bytes));
	return framing.kind === 'length'
		? readLength(framing.bytes, limit, parts, keep)
		: readChunks(limit, parts, keep);
}

function readLength(
	length: number,
	limit: number,
	parts: readonly Buffer[],
	keep: (bytes: Buffer) => void,
): BodyReader {
	let missing = length;
	return {
		push(bytes) {
			if (length > limit) return { kind: 'bad' };
			const part = bytes.subarray(0, missing);
			if (part.length > 0) keep(part);
			missing -= part.length;
			if (missing > 0) return { kind: 'more' };
			const body = parts.length === 1 ? (parts[0] ?? NOTHING) : Buffer.concat(parts);
			return { kind: 'done', body, rest: bytes.subarray(part.length) };
		},
	};
}

function readChunks(limit: number, parts: readonly Buffer[], keep: (bytes: Buffer) => void): BodyReader {
	let total = 0;
	let pending: Buffer = NOTHING;
	let missing = 0;
	let at: 'size' | 'data' | 'data-end' | 'trailer' = 'size';
	return {
		push(bytes) {
			pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
			for (;;) {
				if (at === 'data') {
					const part = pending.subarray(0, missing);
					if (part.length > 0) keep(Buffer.from(part));
					pending = pending.subarray(part.length);
					missing -= part.length;
					if (missing > 0) return { kind: 'more' };
					at = 'data-end';
				}
				const end = pending.indexOf('\r\n');
				if (end < 0) return pending.length > 8192 ? { kind: 'bad' } : { kind: 'more' };
				const line = pending.toString('latin1', 0, end);
				pending = pending.subarray(end + 2);
				if (at === 'data-end') {
					if (line !== '') return { kind: 'bad' };
					at = 'size';
				} else if (at === 'size') {
					const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;.*)?$/.exec(line);
					if (!size) return { kind: 'bad' };
					missing = Number.parseInt(size[1] ?? '', 16);
					total += missing;
					if (total > limit) return { kind: 'bad' };
					at = missing === 0 ? 'trailer' : 'data';
				} else if (line === '') {
					return { kind: 'done', body: Buffer.concat(parts), rest: pending };
				}
			}
		},
	};
}
