import type { JsonObject } from './json.ts';
import { errorBody, infoBody, type MessageName, message } from './messages.ts';

/** What a handler came to; the service turns it into an answer. */
export interface Outcome {
	readonly status: number;
	readonly body?: JsonObject | undefined;
	/** A body that is not JSON. */
	readonly raw?: { readonly contentType: string; readonly bytes: string | Buffer };
	readonly headers?: readonly (readonly [string, string])[];
	/** It failed before the resource was found: no `Link` to its schema. */
	readonly early?: boolean;
}

export const done = (): Outcome => ({ status: 204 });
export const ok = (body: JsonObject, headers: Outcome['headers'] = []): Outcome => ({
	status: 200,
	body,
	headers,
});
export const success = (name: MessageName = 'Success'): Outcome => ({
	status: 200,
	body: infoBody(message(name)),
});
/** 201 with the new resource, or with the Created message where no resource is given. */
export function created(
	location: string,
	body?: JsonObject,
	headers: readonly (readonly [string, string])[] = [],
): Outcome {
	return {
		status: 201,
		headers: [...headers, ['Location', location]],
		body: body ?? infoBody(message('Created')),
	};
}
export const accepted = (task: JsonObject, monitor: string, retryAfterSeconds: number): Outcome => ({
	status: 202,
	body: task,
	headers: [
		['Location', monitor],
		['Retry-After', String(retryAfterSeconds)],
	],
});
export function failed(status: number, name: MessageName, ...args: string[]): Outcome {
	return { status, body: errorBody(message(name, ...args)) };
}
export const notFound = (type: string, id: string): Outcome => ({
	...failed(404, 'ResourceNotFound', type, id),
	early: true,
});
export const forbidden = (): Outcome => failed(403, 'InsufficientPrivilege');
export const plain = (contentType: string, bytes: string | Buffer): Outcome => ({
	status: 200,
	raw: { contentType, bytes },
});
