import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import { renderJson } from './json.ts';
import { failed, type Outcome } from './outcome.ts';
import { header, type RequestHead } from './request-head.ts';
import type { Route } from './route-table.ts';

/** Headers and bytes of an outcome; the `Link` to its schema only where the resource was found. */
export function finish(
	outcome: Outcome,
	headers: readonly (readonly [string, string])[],
	chosen: Route | undefined,
	head: RequestHead,
): Answer {
	const all = [...headers, ...(outcome.headers ?? [])];
	if (chosen?.schema && !outcome.early) {
		for (const schema of [chosen.schema].flat()) {
			const file = schema.endsWith('.json') ? schema : `${schema}/${schema}.json`;
			all.push(['Link', `</redfish/v1/JsonSchemas/${file}>; rel=describedby`]);
		}
	}
	if (outcome.raw) {
		all.push(['Content-Type', outcome.raw.contentType]);
		return { status: outcome.status, headers: all, body: outcome.raw.bytes };
	}
	if (!outcome.body || head.method === 'HEAD') return { status: outcome.status, headers: all };
	const body = renderJson(outcome.body);
	const etag = outcome.status === 200 ? etagOf(body) : undefined;
	const known = header(head, 'if-none-match');
	if (etag !== undefined && known?.split(',').some(tag => tag.trim() === etag)) {
		return { status: 304, headers: all, etag };
	}
	return { status: outcome.status, headers: all, etag, contentType: 'application/json', body };
}

/** A strong entity tag of the body: 64 bits of its SHA-256. */
export function etagOf(body: string): string {
	return `"${createHash('sha256').update(body).digest('hex').slice(0, 16).toUpperCase()}"`;
}

export function missing(method: string, path: string, allow: readonly string[]): Outcome {
	const last =
		path
			.split('/')
			.filter(segment => segment !== '')
			.at(-1) ?? '';
	if (allow.length === 0) return failed(404, 'ResourceNotFound', '', last);
	return method === 'DELETE' ? failed(405, 'ResourceCannotBeDeleted') : failed(405, 'OperationNotAllowed');
}
