import { Agent, request } from 'undici';
import type { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { problem } from '../v1/views.ts';

/** What a caller shows: that of hil, whose users these are. */
export type MarketCredential =
	| { readonly username: string; readonly password: string }
	/** A token of Keystone's. */
	| { readonly token: string };

export type MarketClientOptions = MarketCredential & {
	/** The market's origin: `https://market.example:5003`. */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds without a sign of life; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
};

export interface MarketTransport {
	/** A call's answer; throws as MarketClient says. */
	call<S extends z.ZodType>(schema: S, method: string, path: string, body?: object): Promise<z.output<S>>;
	close(): Promise<void>;
}

export function createTransport(options: MarketClientOptions): MarketTransport {
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
	return {
		async call(schema, method, path, body) {
			const headers = { ...credential, ...(body && { 'content-type': 'application/json' }) };
			const sent = body && { body: JSON.stringify(body) };
			const asked = { method: method as 'GET', headers, dispatcher: agent, signal: signal ?? null, ...sent };
			let status: number;
			let text: string;
			try {
				const answer = await request(`${origin}${path}`, asked);
				status = answer.statusCode;
				text = await answer.body.text();
			} catch (cause) {
				throw networkError(cause, origin, signal);
			}
			if (status >= 300) throw refusal(status, text);
			const parsed = schema.safeParse(parseJson(text));
			if (parsed.success) return parsed.data;
			const message = `the market's answer to ${method} ${path} is not understood`;
			throw new BimetalError('BadAnswer', message, { status: 502, cause: parsed.error });
		},
		close: () => agent.destroy(),
	};
}

function refusal(status: number, text: string): BimetalError {
	const said = problem.safeParse(parseJson(text));
	const code = said.success ? said.data.code : 'BadAnswer';
	const detail = said.success ? said.data.detail : `the market answered ${status}`;
	return new BimetalError(code, detail, { status, expose: true });
}

function networkError(cause: unknown, origin: string, signal: AbortSignal | undefined): BimetalError {
	if (signal?.aborted) return new BimetalError('Interrupted', 'interrupted', { cause });
	const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
	const [name, text] = /CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)
		? ['MarketNotTrusted', `${origin} is not trusted: ${message}`]
		: ['MarketUnreachable', `the market at ${origin} does not answer`];
	return new BimetalError(name, text, { status: 502, cause });
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
