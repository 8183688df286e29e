import type { CanonicalRequest } from './canonical-request.ts';

/**
 * The headers a BMC receives, from the canonical request and from nothing else: no credential, cookie or
 * hop-by-hop header of the client gets through because none is ever copied. The forwarder adds the BMC's own
 * credential; Host and Connection are the connection pool's.
 *
 * If-None-Match stays behind: BMC ETags are hashes of unmasked resources, so the proxy answers with ETags of
 * its own. A caller that maps If-Match back to the BMC's passes `{ ...request, ifMatch: mapped }`.
 */
export function headersForBmc(request: CanonicalRequest): Record<string, string> {
	const headers: Record<string, string> = {
		accept: request.path.endsWith('/$metadata') ? 'application/xml' : 'application/json',
		// A compressed answer could not be filtered.
		'accept-encoding': 'identity',
	};
	if (request.ifMatch !== undefined) headers['if-match'] = request.ifMatch;
	if (request.bytes !== undefined) {
		headers['content-length'] = String(request.bytes.length);
		if (request.contentType !== undefined) headers['content-type'] = request.contentType;
	}
	return headers;
}
