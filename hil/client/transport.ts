import { Agent, type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import * as v0 from '../v0/views.ts';
import { credentialHeaders, type HilCredential } from './credential.ts';

interface Connection {
	/** hil's origin: `https://hil.example:5000`. */
	readonly url: string;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	/** Milliseconds that one call may take; 60,000 when absent. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
}
export type HilClientOptions = Connection & HilCredential;

export interface HilTransport {
	/** A call's answer; throws as `HilClient` says. */
	call<S extends z.ZodType>(schema: S, method: string, path: string, body?: object): Promise<z.output<S>>;
	/** A GET of text that goes on for as long as it likes, or the document of a 202. */
	stream<S extends z.ZodType>(
		waiting: S,
		path: string,
		signal: AbortSignal,
	): Promise<{ readonly text: AsyncIterable<Uint8Array> } | { readonly waiting: z.output<S> }>;
	close(): Promise<void>;
}

/** A path with names in it: `at`/v0/node/${name}``. */
export const at = (strings: TemplateStringsArray, ...names: readonly string[]): string =>
	String.raw({ raw: strings }, ...names.map(name => encodeURIComponent(name)));

export function createHilTransport(options: HilClientOptions): HilTransport {
	const { ca, timeout = 60_000, signal } = options;
	const { origin } = new URL(options.url);
	const agent = new Agent({
		headersTimeout: timeout,
		bodyTimeout: timeout,
		connect: {
			timeout: 10_000,
			...(ca !== undefined && { ca, allowPartialTrustChain: true }),
			...('certificate' in options && { cert: options.certificate, key: options.key }),
		},
	});

	const send = async (
		path: string,
		given: Partial<Dispatcher.RequestOptions>,
	): Promise<Dispatcher.ResponseData> => {
		const credential = await credentialHeaders(options);
		return request(`${origin}${path}`, {
			method: 'GET',
			signal,
			...given,
			headers: { ...credential, ...(given.body != null && { 'content-type': 'application/json' }) },
			dispatcher: agent,
		});
	};
	const understood = <S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> => {
		const parsed = schema.safeParse(value);
		if (parsed.success) return parsed.data;
		throw new BimetalError('BadAnswer', `hil's answer to ${what} is not understood`, {
			status: 502,
			cause: parsed.error,
		});
	};

	return {
		async call(schema, method, path, body) {
			let status: number;
			let text: string;
			try {
				const answer = await send(path, {
					method: method as 'GET',
					body: body ? JSON.stringify(body) : null,
				});
				status = answer.statusCode;
				text = await answer.body.text();
			} catch (cause) {
				throw networkError(cause, origin, signal);
			}
			const value = parse(text);
			if (status >= 300) throw refusal(status, value);
			return understood(schema, value, `${method} ${path}`);
		},
		async stream(waiting, path, until) {
			const signals = signal ? AbortSignal.any([signal, until]) : until;
			try {
				const answer = await send(path, { signal: signals, bodyTimeout: 0 });
				if (answer.statusCode === 200) return { text: piecesOf(answer.body, origin, signals) };
				const value = parse(await answer.body.text());
				if (answer.statusCode === 202) return { waiting: understood(waiting, value, `GET ${path}`) };
				throw refusal(answer.statusCode, value);
			} catch (cause) {
				throw cause instanceof BimetalError ? cause : networkError(cause, origin, signals);
			}
		},
		close: () => agent.destroy(),
	};
}

async function* piecesOf(
	body: AsyncIterable<Uint8Array>,
	origin: string,
	signal: AbortSignal,
): AsyncIterable<Uint8Array> {
	try {
		yield* body;
	} catch (cause) {
		throw networkError(cause, origin, signal);
	}
}

function refusal(status: number, value: unknown): BimetalError {
	const said = v0.error.safeParse(value);
	const { type, msg } = said.success ? said.data : { type: 'BadAnswer', msg: `hil answered ${status}` };
	return new BimetalError(type, msg, { status, expose: true });
}

function networkError(cause: unknown, origin: string, signal: AbortSignal | undefined): BimetalError {
	if (signal?.aborted) return new BimetalError('Interrupted', 'interrupted', { cause });
	const { code = '', message = String(cause) } = cause as { code?: string; message?: string };
	const [name, text] = /CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)
		? ['HilNotTrusted', `${origin} is not trusted: ${message}`]
		: ['HilUnreachable', `hil at ${origin} does not answer`];
	return new BimetalError(name, text, { status: 502, cause });
}

function parse(text: string): unknown {
	try {
		return text === '' ? undefined : JSON.parse(text);
	} catch {
		return text;
	}
}
