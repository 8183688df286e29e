import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import { headersForBmc } from '../canonicalise/headers.ts';
import { renderTarget } from '../canonicalise/query.ts';
import type { ForwardRequest } from './bmc-connection.ts';

/**
 * Renders the canonical request for the BMC: nothing of the client's own bytes, headers or credentials is in
 * it. The entity tag is given apart, since a client's tag may have to be mapped to the BMC's.
 */
export function renderForward(
	request: CanonicalRequest,
	options: {
		query?: CanonicalRequest['query'];
		ifMatch?: string | undefined;
		ifNoneMatch?: string | undefined;
	} = {},
): ForwardRequest {
	const headers = headersForBmc({ ...request, ifMatch: options.ifMatch });
	if (options.ifNoneMatch !== undefined) headers['if-none-match'] = options.ifNoneMatch;
	return {
		method: request.method,
		target: renderTarget({ path: request.path, query: options.query ?? request.query }),
		headers,
		body: request.bytes,
	};
}
