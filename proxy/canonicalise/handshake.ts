import { consoleKindOf } from '../policy/console-paths.ts';
import type { CanonicalRequest } from './canonical-request.ts';
import type { RawRequest } from './canonicalise.ts';
import { type HeaderFields, readHeaderFields } from './header-fields.ts';
import { refusal } from './refusals.ts';
import { diagnoseTarget } from './target.ts';

/** What node:http says of a request to upgrade. */
export interface RawHandshake extends RawRequest {
	/** `1.1` */
	readonly httpVersion: string;
	/** Bytes that came with the head of the request. */
	readonly early: number;
}

export interface Handshake {
	/** With the method `WEBSOCKET`; no query, no conditions, no body. */
	readonly request: CanonicalRequest;
	readonly fields: HeaderFields;
	/** The one subprotocol that is known, where the client asks for it. */
	readonly protocol: 'binary' | undefined;
}

/** As `plainPath` of target.ts, without a root: what a console's path is made of. */
const consolePath = /^(?:\/[\w.~-]+)+$/;
/** The base64 of 16 bytes: RFC 6455 §4.1. */
const keyPattern = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * The one form of a handshake that opens a WebSocket, or a BimetalError with a code of `refusals`. Nothing of it but
 * its path goes further: what the BMC gets is a handshake of the proxy's own. Pure.
 * @param origins origins of web pages that may open one besides those of the very host that is addressed
 */
export function canonicaliseHandshake(raw: RawHandshake, origins: readonly string[]): Handshake {
	const url = raw.url ?? '';
	const fields = readHeaderFields(raw.rawHeaders, (raw.method?.length ?? 0) + url.length + 11);
	if (raw.method !== 'GET' || raw.httpVersion !== '1.1' || fields.upgrade?.toLowerCase() !== 'websocket')
		throw refusal('UpgradeRefused');
	const socket = readSocketHeaders(raw.rawHeaders);
	const hasBody = fields.contentLength !== undefined || fields.transferEncoding !== undefined;
	if (hasBody || raw.early > 0) throw refusal('BodyNotOnMethod');
	if (fields.expect !== undefined || fields.ifMatch !== undefined || fields.ifNoneMatch !== undefined)
		throw refusal('HandshakeInvalid', 'it has no conditions and no expectations');
	const tokens = (socket.connection ?? '').split(',').map(token => token.trim().toLowerCase());
	if (!tokens.includes('upgrade') || tokens.some(token => token !== 'upgrade' && token !== 'keep-alive'))
		throw refusal('HandshakeInvalid', 'Connection is Upgrade');
	if (socket.version !== '13') throw refusal('HandshakeVersion');
	if (!keyPattern.test(socket.key ?? ''))
		throw refusal('HandshakeInvalid', 'Sec-WebSocket-Key is the base64 of 16 bytes');
	if (socket.protocol !== undefined && socket.protocol !== 'binary')
		throw refusal('HandshakeInvalid', 'the only subprotocol is binary, and none is needed');
	checkOrigin(socket.origin, fields.host, origins);
	return {
		request: consoleRequest(url),
		fields,
		protocol: socket.protocol === undefined ? undefined : 'binary',
	};
}

/** What a handshake for this path becomes. @throws BimetalError with a code of `refusals` where no console is */
export const consoleRequest = (url: string): CanonicalRequest => ({ ...bare, ...readPath(url) });

const bare = {
	method: 'WEBSOCKET',
	query: [],
	ifMatch: undefined,
	ifNoneMatch: undefined,
	body: undefined,
	bytes: undefined,
	contentType: undefined,
} as const;

/** The path is compared as it is, and must be that of a console: nothing is decoded, collapsed or cut off. */
function readPath(url: string): Pick<CanonicalRequest, 'path' | 'segments'> {
	if (url.includes('?')) throw refusal('QueryNotOnMethod');
	const segments = url.split('/').slice(1);
	const isPlain = consolePath.test(url) && segments.every(segment => segment !== '.' && segment !== '..');
	if (isPlain && consoleKindOf(segments) !== undefined) return { path: url, segments };
	const code = isPlain ? 'TargetUnknown' : diagnoseTarget(url);
	throw code === 'TargetUnknown' ? refusal('UpgradeRefused', 'no console is at this path') : refusal(code);
}

/**
 * A browser says which page opens a WebSocket, and sends along what it knows of this host: a client certificate, a
 * password that was typed before. So a page of another host must not (cross-site WebSocket hijacking, RFC 6455 §10.2).
 */
function checkOrigin(origin: string | undefined, host: string, origins: readonly string[]): void {
	if (origin === undefined) return;
	const asked = origin.toLowerCase();
	const own = `https://${host.toLowerCase()}`;
	if (asked !== own && `${asked}:443` !== own && asked !== `${own}:443` && !origins.includes(asked))
		throw refusal('OriginForeign');
}

const names = {
	connection: 'connection',
	origin: 'origin',
	'sec-websocket-key': 'key',
	'sec-websocket-version': 'version',
	'sec-websocket-protocol': 'protocol',
	'sec-websocket-extensions': 'extensions',
} as const;

/** `readHeaderFields` has refused their odd characters already; here none may be there twice, or unknown. */
function readSocketHeaders(
	rawHeaders: readonly string[],
): Partial<Record<(typeof names)[keyof typeof names], string>> {
	const found: Partial<Record<(typeof names)[keyof typeof names], string>> = {};
	for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
		const name = (rawHeaders[i] as string).toLowerCase();
		if (!Object.hasOwn(names, name)) {
			if (name.startsWith('sec-websocket-')) throw refusal('HandshakeInvalid', `${name} is a server's`);
			if (name === 'http2-settings') throw refusal('UpgradeRefused');
			continue;
		}
		const slot = names[name as keyof typeof names];
		if (found[slot] !== undefined) throw refusal('HeaderDuplicate', name);
		found[slot] = rawHeaders[i + 1] as string;
	}
	return found;
}
