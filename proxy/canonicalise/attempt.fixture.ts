import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { CanonicalRequest } from './canonical-request.ts';
import { type CanonicaliseOptions, canonicalise, type RawRequest } from './canonicalise.ts';
import { refusals } from './refusals.ts';

/** A raw request as the tests of this stage write it: a GET of one system unless it says otherwise. */
export interface Attempt {
	readonly method?: string;
	readonly url?: string;
	/** `Name: value`, beside `Host: bmc`. */
	readonly headers?: readonly string[];
	readonly body?: string | Uint8Array;
	readonly options?: CanonicaliseOptions;
}

export const system = '/redfish/v1/Systems/system';
export const reset = `${system}/Actions/ComputerSystem.Reset`;

export function rawRequest({ method = 'GET', url = system, headers = [] }: Attempt): RawRequest {
	const rawHeaders = ['Host: bmc', ...headers].flatMap(line => {
		const colon = line.indexOf(': ');
		return [line.slice(0, colon), line.slice(colon + 2)];
	});
	return { method, url, rawHeaders };
}

export function attempt(one: Attempt): CanonicalRequest {
	const body = typeof one.body === 'string' ? Buffer.from(one.body) : one.body;
	return canonicalise(rawRequest(one), body, one.options);
}

/** `accepted`, or the code of the refusal (with its status, should that not be the table's). */
export function outcome(one: Attempt): string {
	try {
		attempt(one);
		return 'accepted';
	} catch (error) {
		if (!(error instanceof BimetalError)) throw error;
		const [status] = refusals[error.code as keyof typeof refusals];
		return error.status === status ? error.code : `${error.code} with ${error.status}`;
	}
}

/** A JSON body with its type and length, for a reset when posted and for the system otherwise. */
export function sending(method: string, body: string, extra: readonly string[] = []): Attempt {
	const headers = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...extra];
	return { method, url: method === 'POST' ? reset : system, headers, body };
}
