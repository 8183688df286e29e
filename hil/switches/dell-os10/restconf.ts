import { z } from 'zod';
import type { HttpsSwitch } from '../transport/https.ts';
import type { HttpsCall } from '../transport/https-exchange.ts';

/** RESTCONF (RFC 8040) as far as a driver needs it. What is refused comes as SwitchRefused, with the switch's words. */
export interface Restconf {
	/** `path` is below `/restconf/data`. */
	get(path: string, signal: AbortSignal): Promise<unknown>;
	/** Merges a document into a resource (section 4.6.1): all of it or nothing, says the RFC. */
	patch(path: string, document: object, signal: AbortSignal): Promise<void>;
	delete(path: string, signal: AbortSignal): Promise<void>;
	/** Calls an operation (section 3.6). */
	operate(name: string, input: object, signal: AbortSignal): Promise<void>;
}

/** Section 7.1. */
const anError = z.object({ 'error-tag': z.string(), 'error-message': z.string().optional() });
const errors = z.object({ 'ietf-restconf:errors': z.object({ error: z.tuple([anError], z.unknown()) }) });
/** Tags of section 7 that are over when somebody else is done. */
const passing = ['lock-denied', 'in-use', 'resource-denied'];

export function createRestconf(https: HttpsSwitch): Restconf {
	async function ask(
		method: HttpsCall['method'],
		path: string,
		document: object | undefined,
		signal: AbortSignal,
	): Promise<unknown> {
		const { status, body } = await https.ask(
			{
				method,
				path: `/restconf${path}`,
				headers: {
					accept: 'application/yang-data+json, application/json',
					// The type in all examples of Dell's; RFC 8040's own may not be taken by each release.
					...(document && { 'content-type': 'application/json' }),
				},
				body: document && JSON.stringify(document),
				isChange: method !== 'GET',
			},
			signal,
		);
		const parsed = parseJson(body);
		if (status >= 200 && status < 300) return parsed;
		const found = errors.safeParse(parsed);
		if (!found.success) {
			if (status === 404)
				throw https.refusal('there is no RESTCONF', 'enable `rest api restconf` on the switch');
			throw https.nonsense(`status ${status} without an error of RESTCONF`);
		}
		const { 'error-tag': tag, 'error-message': message = '' } = found.data['ietf-restconf:errors'].error[0];
		const what = `${method} ${decodeURIComponent(path)}`;
		throw (passing.includes(tag) ? https.busy : https.refusal)(what, `${message} (${tag})`);
	}
	return {
		get: (path, signal) => ask('GET', `/data${path}`, undefined, signal),
		async patch(path, document, signal) {
			await ask('PATCH', `/data${path}`, document, signal);
		},
		async delete(path, signal) {
			await ask('DELETE', `/data${path}`, undefined, signal);
		},
		async operate(name, input, signal) {
			await ask('POST', `/operations/${name}`, input, signal);
		},
	};
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
