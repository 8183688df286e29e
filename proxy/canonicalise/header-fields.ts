import { refusal } from './refusals.ts';

/** The request headers that some stage reads, each as sent. Whatever else a client sends goes no further. */
export interface HeaderFields {
	readonly host: string;
	readonly authorization: string | undefined;
	readonly authToken: string | undefined;
	readonly contentType: string | undefined;
	readonly contentLength: string | undefined;
	readonly contentEncoding: string | undefined;
	readonly transferEncoding: string | undefined;
	readonly ifMatch: string | undefined;
	readonly ifNoneMatch: string | undefined;
	readonly expect: string | undefined;
	readonly upgrade: string | undefined;
	readonly odataVersion: string | undefined;
}

/**
 * Headers that may appear once. Node joins a second X-Auth-Token to the first and keeps the first of two
 * Authorizations, and a BMC may choose otherwise; hence a second one is refused.
 */
const singular = [
	'host',
	'authorization',
	'x-auth-token',
	'content-type',
	'content-length',
	'content-encoding',
	'transfer-encoding',
	'if-match',
	'if-none-match',
	'expect',
	'upgrade',
	'odata-version',
	'cookie',
	'x-xsrf-token',
	'content-range',
	'range',
	'if-modified-since',
	'if-unmodified-since',
	'origin',
	'sec-websocket-key',
	'sec-websocket-version',
	'sec-websocket-protocol',
	'sec-websocket-extensions',
	'http2-settings',
] as const;

/**
 * Headers by which some servers let a client replace the method or target of its request line. Refused, not
 * dropped: whoever sends one means another request than the one that would be carried out.
 */
const overriding = [
	'x-http-method-override',
	'x-http-method',
	'x-method-override',
	'x-original-url',
	'x-rewrite-url',
	'x-original-method',
];

/** Common headers that nothing here reads; listed so that most names need no lower-casing. */
const irrelevant = ['accept', 'accept-encoding', 'accept-language', 'connection', 'user-agent'];

const ignored = -1;
const forbidden = -2;
const slots = new Map<string, number>();
for (const [slot, name] of singular.entries()) addName(name, slot);
for (const name of overriding) addName(name, forbidden);
for (const name of irrelevant) addName(name, ignored);

function addName(name: string, slot: number): void {
	slots.set(name, slot);
	slots.set(
		name.replace(/(?:^|-)[a-z]/g, start => start.toUpperCase()),
		slot,
	);
}

/** bmcweb's limit for the request line and the headers, in bytes. */
const sizeLimit = 8192;
/** What each header costs beside its name and value: colon, space, CR, LF. */
const overhead = 4;

const visibleAscii = /^[\x20-\x7e]*$/;
const hostPattern = /^[A-Za-z0-9._-]+(?::[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?$/;

/**
 * Reads node:http's `rawHeaders` once for all stages. `lineLength` is the length of the request line.
 * Throws a BimetalError: HeadersTooLarge, HeaderDuplicate, HeaderCharacter, HeaderForbidden, HostMissing.
 */
export function readHeaderFields(rawHeaders: readonly string[], lineLength = 0): HeaderFields {
	const found: (string | undefined)[] = new Array(singular.length).fill(undefined);
	let size = lineLength;
	for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
		const name = rawHeaders[i] as string;
		const value = rawHeaders[i + 1] as string;
		size += name.length + value.length + overhead;
		const slot = slots.get(name) ?? slots.get(name.toLowerCase()) ?? ignored;
		if (slot === ignored) continue;
		if (slot === forbidden) throw refusal('HeaderForbidden', name.toLowerCase());
		if (found[slot] !== undefined) throw refusal('HeaderDuplicate', name.toLowerCase());
		if (!visibleAscii.test(value)) throw refusal('HeaderCharacter', name.toLowerCase());
		found[slot] = value;
	}
	if (size > sizeLimit) throw refusal('HeadersTooLarge');
	const host = found[0];
	if (host === undefined || !hostPattern.test(host)) throw refusal('HostMissing');
	return {
		host,
		authorization: found[1],
		authToken: found[2],
		contentType: found[3],
		contentLength: found[4],
		contentEncoding: found[5],
		transferEncoding: found[6],
		ifMatch: found[7],
		ifNoneMatch: found[8],
		expect: found[9],
		upgrade: found[10],
		odataVersion: found[11],
	};
}
