import { STATUS_CODES } from 'node:http';
import { BimetalError } from '../errors/bimetal-error.ts';
import { httpErrors } from './errors.ts';

/** RFC 9457 problem details; `code` is the extension member that programs go by. */
export interface Problem {
	readonly type: string;
	readonly title: string;
	readonly status: number;
	readonly code: string;
	readonly detail: string;
}

export const PROBLEM_TYPE = 'application/problem+json';

/** What a client may know of an error: of one that is not exposed, the status and nothing else. */
export function problemOf({ code, status, message, expose }: BimetalError): Problem {
	const title = STATUS_CODES[status] ?? 'Error';
	const shown = expose ? code : status >= 500 ? 'Internal' : title.replace(/[^A-Za-z]/g, '');
	const detail = expose
		? message
		: status >= 500
			? 'The service failed; its log has the details under the X-Request-Id of this answer.'
			: 'The service does not say more.';
	return { type: `urn:bimetal:problem:${shown}`, title, status, code: shown, detail };
}

/** Any thrown thing as a BimetalError: ours as it is, express's and its parsers' by what they mean. */
export function toBimetalError(thrown: unknown): BimetalError {
	if (thrown instanceof BimetalError) return thrown;
	const { status, type } = (thrown ?? {}) as { status?: unknown; type?: unknown };
	const options = { cause: thrown };
	switch (type) {
		case 'entity.too.large':
			return httpErrors.BodyTooLarge('The body is longer than this service takes.', options);
		case 'entity.parse.failed':
			return httpErrors.BodyNotJson('The body is not JSON.', options);
		case 'encoding.unsupported':
		case 'charset.unsupported':
			return httpErrors.UnsupportedBody('The body must be UTF-8, without content coding.', options);
		default:
	}
	if (typeof status === 'number' && status >= 400 && status < 500) {
		return httpErrors.BadRequest('The request cannot be read.', options);
	}
	return httpErrors.Internal('unexpected fault', options);
}
