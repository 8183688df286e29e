import { Agent, type Dispatcher, request } from 'undici';
import { z } from 'zod';
import { BimetalError } from '../errors/bimetal-error.ts';

/** What a caller shows. */
export type BasicCredential = { readonly username: string; readonly password: string };

export interface JsonClientOptions {
	/** The service's origin: `https://attest.example:5002`. */
	readonly url: string;
	/** Absent: nobody logs in. */
	readonly credential?: BasicCredential | { readonly token: string } | undefined;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds without a sign of life; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
}

export interface JsonClient {
	/** A call's answer. Throws a BimetalError with the service's code and status when it is refused. */
	call<S extends z.ZodType>(schema: S, method: string, path: string, body?: object): Promise<z.output<S>>;
	/** An answer that is text; throws as `call` does. */
	text(path: string): Promise<string>;
	/** An answer whose body is the caller's to read; throws as `call` does for what is no success. */
	send(path: string, given: Partial<Dispatcher.RequestOptions>): Promise<Dispatcher.ResponseData>;
	close(): Promise<void>;
}

const problem = z.looseObject({ code: z.string(), detail: z.string() });
/** HEAD is refused without a word. */
const bare: Readonly<Record<number, string>> = { 401: 'NotLoggedIn', 403: 'Forbidden', 404: 'NotThere' };

/**
 * Calls a management API of ours: JSON in and out, RFC 9457 problems.
 * @param service names it in codes: `Attest` makes `AttestUnreachable` (no answer) and `AttestNotTrusted` (TLS); beside
 * these there are `BadAnswer` and, when the signal has ended it, `Interrupted`
 */
export function createJsonClient(service: string, options: JsonClientOptions): JsonClient {
	const { ca, timeout = 60_000, signal, credential } = options;
	const { origin } = new URL(options.url);
	const agent = new Agent({
		headersTimeout: timeout,
		bodyTimeout: timeout,
		connect: { timeout: 10_000, ...(ca !== undefined && { ca, allowPartialTrustChain: true }) },
	});
	const failed = (cause: unknown): BimetalError => {
		if (cause instanceof BimetalError) return cause;
		if (signal?.aborted) return new BimetalError('Interrupted', 'interrupted', { cause });
		const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
		const [name, text] = /CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)
			? [`${service}NotTrusted`, `${service.toLowerCase()} at ${origin} is not trusted: ${message}`]
			: [`${service}Unreachable`, `${service.toLowerCase()} at ${origin} does not answer`];
		return new BimetalError(name, text, { status: 502, cause });
	};
	const send: JsonClient['send'] = async (path, given) => {
		try {
			const headers = {
				...(credential && headersOf(credential)),
				...(given.headers as Record<string, string> | undefined),
			};
			const asked = { method: 'GET' as const, signal, ...given, headers, dispatcher: agent };
			const answer = await request(`${origin}${path}`, asked);
			if (answer.statusCode < 300) return answer;
			const said = problem.safeParse(parsed(await answer.body.text()));
			throw new BimetalError(
				said.data?.code ?? bare[answer.statusCode] ?? 'BadAnswer',
				said.data?.detail ?? `${origin} answered ${answer.statusCode}`,
				{ status: answer.statusCode, expose: true },
			);
		} catch (cause) {
			throw failed(cause);
		}
	};
	const read = async (path: string, given: Partial<Dispatcher.RequestOptions>): Promise<string> => {
		const answer = await send(path, given);
		return answer.body.text().catch(cause => {
			throw failed(cause);
		});
	};
	return {
		async call(schema, method, path, body) {
			const text = await read(path, {
				method: method as 'GET',
				...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
			});
			const value = schema.safeParse(parsed(text));
			if (value.success) return value.data;
			const what = `the answer of ${origin} to ${method} ${path} is not understood`;
			throw new BimetalError('BadAnswer', what, { status: 502, cause: value.error });
		},
		text: path => read(path, {}),
		send,
		close: () => agent.destroy(),
	};
}

/** For a service whose users are hil's: a name and a password, or a token of Keystone's. */
export type UserClientOptions = (BasicCredential | { readonly token: string }) &
	Omit<JsonClientOptions, 'credential'>;

export const createUserClient = (
	service: string,
	{ url, ca, timeout, signal, ...credential }: UserClientOptions,
): JsonClient => createJsonClient(service, { url, ca, timeout, signal, credential });

const headersOf = (credential: NonNullable<JsonClientOptions['credential']>): Record<string, string> =>
	'token' in credential
		? { 'x-auth-token': credential.token }
		: {
				authorization: `Basic ${Buffer.from(`${credential.username}:${credential.password}`).toString('base64')}`,
			};

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
