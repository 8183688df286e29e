/** What a request target names, read as OpenBMC's server reads it (a relative reference of RFC 3986). */
export interface Target {
	readonly path: string;
	/** Names and values undone from their percent-encoding, in order. */
	readonly query: readonly (readonly [string, string])[];
}

const REFERENCE = /^(?:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/;
const ALLOWED = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*$/;

/**
 * The path is compared as it is: still encoded, case kept, dot segments kept. A network-path reference
 * (`//host/path`) loses its authority and a fragment is ignored. Undefined for what is no relative reference,
 * an absolute URL among them.
 */
export function parseTarget(target: string): Target | undefined {
	const parts = REFERENCE.exec(target);
	if (!parts) return undefined;
	const path = parts[1] ?? '';
	const query = parts[2] ?? '';
	const authority = target.startsWith('//') ? target.slice(2, target.length) : '';
	if (!ALLOWED.test(path) || !ALLOWED.test(query) || authority.includes('\\')) return undefined;
	// The first segment of a relative path holds no colon, or else it would be a scheme.
	if (!target.startsWith('/') && (path.split('/')[0] ?? '').includes(':')) return undefined;
	return { path, query: query === '' ? [] : query.split('&').map(parsePair) };
}

function parsePair(pair: string): [string, string] {
	const equals = pair.indexOf('=');
	return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
}

function decode(text: string): string {
	const bytes = Buffer.from(
		text
			.replaceAll('+', ' ')
			.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
		'latin1',
	);
	return bytes.toString('utf8');
}
