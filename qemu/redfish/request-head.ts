/**
 * The head of an HTTP/1.1 request, read with the strictness and the leniency of OpenBMC's web server (its HTTP
 * library is Boost.Beast), because a proxy in front must be safe with the real thing.
 */
export interface RequestHead {
	readonly method: string;
	/** The request target as it came, unread. */
	readonly target: string;
	/** 0 or 1: the minor HTTP version. */
	readonly minor: number;
	/** Names in lower case, in order of arrival. */
	readonly headers: readonly (readonly [string, string])[];
	readonly framing: Framing;
}

export type Framing = { kind: 'none' } | { kind: 'length'; bytes: number } | { kind: 'chunked' };

export type HeadResult =
	| { kind: 'more' }
	| { kind: 'too-large' }
	| { kind: 'bad' }
	| { kind: 'head'; head: RequestHead; length: number };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Reads a head from the start of `text` (one character a byte); `limit` is in bytes, blank line included. */
export function parseHead(text: string, limit: number): HeadResult {
	const end = text.indexOf('\r\n\r\n');
	if (end < 0) return text.length > limit ? { kind: 'too-large' } : { kind: 'more' };
	if (end + 4 > limit) return { kind: 'too-large' };
	const lines = text.slice(0, end).split('\r\n');
	const start = REQUEST_LINE.exec(lines[0] ?? '');
	if (!start) return { kind: 'bad' };
	const headers: [string, string][] = [];
	for (let index = 1; index < lines.length; index++) {
		const line = lines[index] ?? '';
		const last = headers.at(-1);
		if ((line.startsWith(' ') || line.startsWith('\t')) && last) {
			last[1] = `${last[1]} ${line.trim()}`;
			continue;
		}
		const colon = line.indexOf(':');
		const name = line.slice(0, Math.max(colon, 0));
		if (colon < 1 || !TOKEN.test(name)) return { kind: 'bad' };
		const value = line.slice(colon + 1).trim();
		if (CONTROL.test(value)) return { kind: 'bad' };
		headers.push([name.toLowerCase(), value]);
	}
	const framing = frame(headers);
	if (!framing) return { kind: 'bad' };
	const head: RequestHead = {
		method: start[1] ?? '',
		target: start[2] ?? '',
		minor: Number(start[3]),
		headers,
		framing,
	};
	return { kind: 'head', head, length: end + 4 };
}

/**
 * How the body ends. A coding that is not `chunked` leaves the request without a body, so that the bytes after
 * it are the next request: the real server does so, and a proxy must never pass such a request on.
 */
function frame(headers: readonly (readonly [string, string])[]): Framing | undefined {
	let length: string | undefined;
	let coding: string | undefined;
	for (const [name, value] of headers) {
		if (name === 'content-length') {
			if (length !== undefined) return undefined;
			length = value;
		} else if (name === 'transfer-encoding') {
			if (coding !== undefined) return undefined;
			coding = value;
		}
	}
	if (length !== undefined && coding !== undefined) return undefined;
	if (length !== undefined) {
		if (!/^\d{1,15}$/.test(length)) return undefined;
		return { kind: 'length', bytes: Number(length) };
	}
	if (coding !== undefined && coding.split(',').at(-1)?.trim().toLowerCase() === 'chunked') {
		return { kind: 'chunked' };
	}
	return { kind: 'none' };
}

/** The first value of a header, which is the one that counts here. */
export function header(head: Pick<RequestHead, 'headers'>, name: string): string | undefined {
	for (const [key, value] of head.headers) if (key === name) return value;
	return undefined;
}
