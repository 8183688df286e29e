import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';

/**
 * Puts the path prefix before every link of an answer (`@odata.id`, an action's `target`, a `Location` in a
 * message…): any string that is a path of the service. Done for clients that address a BMC by prefix only.
 */
export function addPrefix(value: JsonValue, prefix: string): JsonValue {
	return mapStrings(value, text => (isServicePath(text) ? prefix + text : text));
}

/** The reverse, for request bodies: what is decided on, stored and forwarded is always the plain path. */
export function removePrefix(value: JsonValue, prefix: string): JsonValue {
	return mapStrings(value, text =>
		text.startsWith(prefix) && isServicePath(text.slice(prefix.length)) ? text.slice(prefix.length) : text,
	);
}

const isServicePath = (text: string): boolean => text === '/redfish' || text.startsWith('/redfish/');

function mapStrings(value: JsonValue, map: (text: string) => string): JsonValue {
	if (typeof value === 'string') return map(value);
	if (Array.isArray(value)) return value.map(item => mapStrings(item, map));
	if (typeof value !== 'object' || value === null) return value;
	return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, mapStrings(child, map)]));
}

/** A client that sees prefixed links sends them back in bodies: decided on is the plain path. */
export function withoutPrefix(request: CanonicalRequest, prefix: string): CanonicalRequest {
	if (prefix === '' || request.body === undefined) return request;
	const body = removePrefix(request.body, prefix);
	return { ...request, body, bytes: Buffer.from(JSON.stringify(body)) };
}
