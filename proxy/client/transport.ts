import type { IncomingMessage } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { type Clock, systemClock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** How a client proves who it acts for. `certificate` and `key` are PEM. */
export type Credential =
	| { readonly token: string }
	| { readonly username: string; readonly password: string }
	| { readonly certificate: string; readonly key: string };

export interface TransportOptions {
	/** The proxy's main port: an https URL without a path, for instance `https://127.0.0.1:8443`. */
	readonly url: string;
	/** Absent: only what needs no log-in can be asked. */
	readonly credential?: Credential | undefined;
	/** PEM of the certificate(s) to trust instead of the system's. */
	readonly ca?: string | undefined;
	readonly clock?: Clock | undefined;
	/** Milliseconds until a call without a complete answer is given up; default 120,000. */
	readonly timeout?: number | undefined;
	/** Ends every call under way when it is aborted. */
	readonly signal?: AbortSignal | undefined;
}

export interface Call {
	readonly method: string;
	readonly path: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: JsonValue | undefined;
}

export interface Answer {
	readonly status: number;
	/** Names in lower case; repeated ones joined by a comma. */
	readonly headers: Readonly<Record<string, string>>;
	/** The parsed document when it is JSON, the text otherwise; undefined when there is none. */
	readonly body: JsonValue | undefined;
}

/** An answer of 200 whose body is no document. */
export interface ByteStream {
	/** Throws NoAnswer when it ends early, and Interrupted. */
	readonly pieces: AsyncIterable<Uint8Array>;
}

export interface Transport {
	readonly credential: Credential | undefined;
	/**
	 * Throws `ProxyUnreachable` (never connected), `ProxyNotTrusted` (TLS), `NoAnswer` (connected, but the
	 * answer did not arrive: the call may have been taken), `Interrupted` and `BadAnswer`.
	 */
	send(call: Call): Promise<Answer>;
	/** A GET of bytes of whatever number, as they come, without a limit on the time in all; throws as `send` does. */
	stream(path: string): Promise<Answer | ByteStream>;
	/** What a WebSocket to the same proxy, as the same operator, is opened with. */
	socketOptions(): {
		readonly origin: string;
		readonly headers: Readonly<Record<string, string>>;
		readonly tls: Readonly<SecureContextOptions>;
	};
	/** An answer to a handshake that did not open; throws BadAnswer. */
	readAnswer(response: IncomingMessage): Promise<Answer>;
	/** The error that a fault of the network stands for: as `send` throws it. */
	explain(fault: unknown): BimetalError;
	close(): Promise<void>;
}

/** A BMC's longest honest answers are log collections; beyond this something is wrong. */
const ANSWER_LIMIT = 64 * 1024 * 1024;

export function createTransport(options: TransportOptions): Transport {
	const origin = checkedOrigin(options.url);
	const { credential, clock = systemClock, timeout = 120_000 } = options;
	const tls: SecureContextOptions = {
		// A pinned certificate that is no root is an anchor too: whoever pinned it trusts just that one.
		...(options.ca === undefined ? {} : { ca: options.ca, allowPartialTrustChain: true }),
		...(credential && 'certificate' in credential
			? { cert: credential.certificate, key: credential.key }
			: {}),
	};
	const agent = new Agent({
		connect: {
			...tls,
			timeout: Math.min(timeout, 10_000),
		},
		headersTimeout: 0,
		bodyTimeout: 0,
	});
	const authorization = credentialHeaders(credential);

	const faultOf = (error: unknown, what: string, timedOut?: number): BimetalError => {
		if (error instanceof BimetalError) return error;
		if (options.signal?.aborted)
			return new BimetalError('Interrupted', `interrupted: ${what}`, { cause: error });
		return networkError(error, origin, timedOut);
	};

	async function stream(path: string): Promise<Answer | ByteStream> {
		const request = {
			origin,
			path,
			method: 'GET',
			headers: authorization,
			signal: options.signal ?? null,
		} as const;
		try {
			const {
				statusCode: status,
				headers,
				body,
			} = await agent.request({
				...request,
				headersTimeout: timeout,
				bodyTimeout: timeout,
			});
			if (status === 200) return { pieces: piecesOf(body, path) };
			const plain = plainHeaders(headers);
			return { status, headers: plain, body: parseBody(await readText(body), plain['content-type']) };
		} catch (error) {
			throw faultOf(error, `GET ${path}`);
		}
	}
	async function* piecesOf(body: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<Uint8Array> {
		try {
			yield* body;
		} catch (error) {
			throw faultOf(error, `GET ${path}`);
		}
	}

	async function send(call: Call): Promise<Answer> {
		const gaveUp = new AbortController();
		const cancel = clock.after(timeout, () => gaveUp.abort());
		try {
			const answer = await agent.request({
				origin,
				path: call.path,
				method: call.method as Dispatcher.HttpMethod,
				headers: {
					accept: 'application/json',
					'odata-version': '4.0',
					...authorization,
					...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
					...call.headers,
				},
				body: call.body === undefined ? null : JSON.stringify(call.body),
				signal: options.signal ? AbortSignal.any([options.signal, gaveUp.signal]) : gaveUp.signal,
			});
			const headers = plainHeaders(answer.headers);
			const text = await readText(answer.body);
			return { status: answer.statusCode, headers, body: parseBody(text, headers['content-type']) };
		} catch (error) {
			throw faultOf(error, `${call.method} ${call.path}`, gaveUp.signal.aborted ? timeout : undefined);
		} finally {
			cancel();
		}
	}

	return {
		credential,
		send,
		stream,
		socketOptions: () => ({ origin, headers: authorization, tls }),
		async readAnswer(response) {
			const headers = plainHeaders(response.headers);
			const text = await readText(response);
			return { status: response.statusCode ?? 0, headers, body: parseBody(text, headers['content-type']) };
		},
		explain: fault => networkError(fault, origin, undefined),
		close: () => agent.destroy(),
	};
}

function checkedOrigin(text: string): string {
	const url = URL.canParse(text) ? new URL(text) : undefined;
	const bad = (why: string) =>
		new BimetalError('BadProxyUrl', `'${text.replace(/\/\/[^/]*@/, '//…@')}' is no proxy URL: ${why}`, {
			status: 400,
		});
	if (!url) throw bad('write it like https://127.0.0.1:8443');
	if (url.protocol !== 'https:') throw bad('credentials travel over https only');
	if (url.username || url.password) throw bad('a URL is no place for a user name or password');
	if (url.pathname !== '/' || url.search || url.hash) throw bad('give the main port alone, without a path');
	return url.origin;
}

function credentialHeaders(credential: Credential | undefined): Record<string, string> {
	if (!credential || 'certificate' in credential) return {};
	if ('token' in credential) return { 'x-auth-token': credential.token };
	const { username, password } = credential;
	if (username.includes(':')) {
		throw new BimetalError('BadUserName', 'a user name cannot hold a colon', { status: 400 });
	}
	return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
	const plain: Record<string, string> = {};
	for (const [name, value] of Object.entries(headers)) {
		if (value !== undefined) plain[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
	}
	return plain;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	for await (const chunk of body) {
		size += chunk.length;
		if (size > ANSWER_LIMIT) {
			throw new BimetalError('BadAnswer', 'the answer is larger than 64 MiB', { status: 502 });
		}
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string, contentType: string | undefined): JsonValue | undefined {
	if (text === '') return undefined;
	if (!/^application\/([\w.-]+\+)?json\b/i.test(contentType ?? '')) return text;
	try {
		return JSON.parse(text) as JsonValue;
	} catch (cause) {
		throw new BimetalError('BadAnswer', 'the answer says it is JSON and is not', { status: 502, cause });
	}
}

const NEVER_CONNECTED = new Set([
	'ECONNREFUSED',
	'ENOTFOUND',
	'EAI_AGAIN',
	'EHOSTUNREACH',
	'ENETUNREACH',
	'EADDRNOTAVAIL',
	'UND_ERR_CONNECT_TIMEOUT',
]);

/** The proxy, or what is in between, has ended in the middle of it. */
const CUT_OFF: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

function networkError(error: unknown, origin: string, timedOut: number | undefined): BimetalError {
	const { code = '', message = String(error) } = error as { code?: string; message?: string };
	if (/CERT|SSL|TLS|ISSUER|SIGNATURE/.test(code)) {
		return new BimetalError('ProxyNotTrusted', `${origin} is not trusted: ${message}`, {
			status: 502,
			cause: error,
		});
	}
	if (NEVER_CONNECTED.has(code)) {
		return new BimetalError('ProxyUnreachable', `cannot reach ${origin}: ${code}`, {
			status: 502,
			cause: error,
		});
	}
	const cause = CUT_OFF.has(code) ? 'the connection was cut' : code || message;
	const why = timedOut === undefined ? cause : `none within ${Math.round(timedOut / 1000)} s`;
	return new BimetalError('NoAnswer', `no answer from ${origin}: ${why}`, { status: 504, cause: error });
}
