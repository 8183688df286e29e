import { schemaLink } from './schema-link.ts';

/** An answer of the proxy, ready to be written: to a client at once, or kept for a TaskMonitor. */
export interface Answer {
	readonly status: number;
	/** Lower-case names. Content-Length is not among them: it is worked out from the body. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array | undefined;
}

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
	return {
		status,
		headers: { 'content-type': 'application/json', 'odata-version': '4.0', ...headers },
		body: Buffer.from(`${JSON.stringify(body, null, 2)}\n`),
	};
}

/** A resource of the proxy's own that was read. @param allow the methods that it has */
export function resourceAnswer(resource: object, prefix: string, allow: string): Answer {
	const type: unknown = (resource as { '@odata.type'?: unknown })['@odata.type'];
	const link = schemaLink(typeof type === 'string' ? type : undefined, prefix);
	return jsonAnswer(200, resource, { 'cache-control': 'no-store', allow, ...(link && { link }) });
}
