import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Spool } from '../upload/spool.ts';
import type { RequestDocument } from './request-document.ts';

/** The stored request as a call of its requester: rendered from what was stored, and from nothing else. */
export function callOf(
	request: RequestDocument,
	bmcs: ReadonlyMap<string, BmcConnection>,
	spool?: Pick<Spool, 'read'>,
): Call {
	const bmc = bmcs.get(request.bmc);
	if (!bmc) throw proxyErrors.NoSuchBmc(`there is no BMC ${request.bmc} any more`);
	const { method, path, query, ifMatch, ifNoneMatch, contentType, bytes, image } = request.request;
	const raw = bytes === null ? undefined : Buffer.from(bytes, 'base64');
	const isJson = image !== undefined || (contentType?.startsWith('application/json') ?? false);
	return {
		request: {
			method,
			path,
			segments: path.split('/').slice(1),
			query,
			ifMatch: ifMatch ?? undefined,
			ifNoneMatch: ifNoneMatch ?? undefined,
			body: raw && isJson ? (JSON.parse(raw.toString('utf8')) as JsonValue) : undefined,
			bytes: raw,
			contentType: contentType ?? undefined,
			...(image && { image: { ...image, fileName: image.fileName ?? undefined } }),
		},
		operator: request.requester,
		bmc,
		prefix: request.prefix,
		...(image && spool && { kept: { read: () => spool.read(image.file), keep: () => undefined } }),
	};
}
