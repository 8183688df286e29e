import type { CanonicalRequest, JsonValue } from './canonical-request.ts';

/** A canonical request that the proxy makes itself: no query, no conditions, a JSON body or none. */
export function plainRequest(
	method: CanonicalRequest['method'],
	path: string,
	body?: JsonValue,
): CanonicalRequest {
	return {
		method,
		path,
		segments: path.split('/').slice(1),
		query: [],
		ifMatch: undefined,
		ifNoneMatch: undefined,
		body,
		bytes: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
		contentType: body === undefined ? undefined : 'application/json',
	};
}
