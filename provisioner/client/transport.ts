import { Agent, type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { problem } from '../v1/views.ts';

/** What a caller shows: that of hil, whose users these are. */
export type ProvisionerCredential =
	| { readonly username: string; readonly password: string }
	/** A token of Keystone's. */
	| { readonly token: string };

export type ProvisionerClientOptions = ProvisionerCredential & {
	/** The provisioner's origin: `https://provisioner.example:5001`. */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds without a sign of life; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
};

export interface ProvisionerTransport {
	/** A call's answer; throws as ProvisionerClient says. */
	call<S extends z.ZodType>(schema: S, method: string, path: string, body?: object): Promise<z.output<S>>;
	/** An answer whose body is the caller's to read; throws for what is no success. */
	send(path: string, given: Partial<Dispatcher.RequestOptions>): Promise<Dispatcher.ResponseData>;
	close(): Promise<void>;
}

export function createTransport(options: ProvisionerClientOptions): ProvisionerTransport {
	const { ca, timeout = 60_000, signal } = options;
	const { origin } = new URL(options.url);
	const agent = new Agent({
		headersTimeout: timeout,
		bodyTimeout: timeout,
		connect: { timeout: 10_000, ...(ca !== undefined && { ca, allowPartialTrustChain: true }) },
	});
	const credential: Record<string, string> =
		'token' in options
			? { 'x-auth-token': options.token }
			: {
					authorization: `Basic ${Buffer.from(`${options.username}:${options.password}`).toString('base64')}`,
				};
	const send: ProvisionerTransport['send'] = async (path, given) => {
		try {
			const headers = { ...credential, ...(given.headers as Record<string, string> | undefined) };
			const asked = { method: 'GET' as const, signal, ...given, headers, dispatcher: agent };
			const answer = await request(`${origin}${path}`, asked);
			if (answer.statusCode < 300) return answer;
			throw refusal(answer.statusCode, await answer.body.text());
		} catch (cause) {
			throw cause instanceof BimetalError ? cause : networkError(cause, origin, signal);
		}
	};
	return {
		send,
		async call(schema, method, path, body) {
			const answer = await send(path, {
				method: method as 'GET',
				...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
			});
			const text = await answer.body.text().catch(cause => {
				throw networkError(cause, origin, signal);
			});
			const parsed = schema.safeParse(parseJson(text));
			if (parsed.success) return parsed.data;
			const message = `the provisioner's answer to ${method} ${path} is not understood`;
			throw new BimetalError('BadAnswer', message, { status: 502, cause: parsed.error });
		},
		close: () => agent.destroy(),
	};
}

/** Of an upload that begins (tus 1.0.0, "Creation"). */
export function uploadHeaders({
	length,
	...metadata
}: { readonly length: number } & Readonly<Record<string, string | number | undefined>>): Record<
	string,
	string
> {
	const pairs = Object.entries(metadata)
		.filter(([, value]) => value !== undefined)
		.map(([key, value]) => `${key} ${Buffer.from(String(value)).toString('base64')}`);
	return {
		'tus-resumable': '1.0.0',
		'upload-length': String(length),
		'upload-metadata': pairs.join(','),
	};
}

const bare: Readonly<Record<number, string>> = { 401: 'NotLoggedIn', 403: 'Forbidden', 404: 'NotThere' };

function refusal(status: number, text: string): BimetalError {
	const said = problem.safeParse(parseJson(text));
	// HEAD is answered without a word.
	const code = said.success ? said.data.code : (bare[status] ?? 'BadAnswer');
	const detail = said.success ? said.data.detail : `the provisioner answered ${status}`;
	return new BimetalError(code, detail, { status, expose: true });
}

function networkError(cause: unknown, origin: string, signal: AbortSignal | undefined): BimetalError {
	if (signal?.aborted) return new BimetalError('Interrupted', 'interrupted', { cause });
	const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
	const [name, text] = /CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)
		? ['ProvisionerNotTrusted', `${origin} is not trusted: ${message}`]
		: ['ProvisionerUnreachable', `the provisioner at ${origin} does not answer`];
	return new BimetalError(name, text, { status: 502, cause });
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
