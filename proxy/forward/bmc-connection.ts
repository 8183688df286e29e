import type { ServerResponse } from 'node:http';
import { Pool } from 'undici';
import type { WebSocket } from 'ws';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { proxyErrors } from '../errors.ts';
import { bmcGarbage, bmcUnreachable } from './bmc-fault.ts';
import {
	type BmcAnswer,
	collectAnswer,
	type Exchange,
	type HeadersFor,
	type OpenStream,
	passAnswer,
	type StreamedBody,
	type StreamSink,
	streamAnswer,
} from './exchange.ts';
import { type Dialled, dialSocket } from './open-socket.ts';
import { pinnedConnector } from './pinned-connector.ts';

/** How one BMC is reached. The credential is the proxy's alone: it never leaves this module. */
export interface BmcTarget {
	readonly name: string;
	readonly rack: string;
	/** Origin, for instance `https://10.0.0.11`. */
	readonly url: string;
	/** PEM of the authority that signed the BMC's certificate; the system's authorities when absent. */
	readonly ca: string | undefined;
	/** SHA-256 of the BMC's certificate as 64 hex digits: pinned, when given; it then needs no authority. */
	readonly fingerprint: string | undefined;
	/** What the proxy shows a BMC that asks for a client certificate; PEM. */
	readonly identity: { readonly certificate: string; readonly key: string } | undefined;
	readonly username: string;
	readonly password: string;
}

export interface ForwardLimits {
	/** Milliseconds to wait for the start of an answer, and between parts of it. */
	readonly timeout: number;
	/** Bytes of an answer that is kept in memory to be filtered. */
	readonly answer: number;
	/** Connections to one BMC at once (bmcweb serves 200 in all). */
	readonly connections: number;
}

/** What is sent: rendered from the canonical request by the canonicalise stage. */
export interface ForwardRequest {
	readonly method: string;
	/** Path and query. */
	readonly target: string;
	/** Without any credential. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Uint8Array | StreamedBody | undefined;
}

export type BmcState = 'up' | 'down' | 'unknown';

/**
 * Where the token of the proxy's session on a BMC comes from. BMCs allow few sessions, so that all processes of a
 * proxy share one.
 */
export type TokenSource = (refused: string | undefined) => Promise<string>;

/** One BMC's pool of kept-alive connections, one request in flight on each, and the proxy's session on it. */
export interface BmcConnection {
	readonly target: Pick<BmcTarget, 'name' | 'rack' | 'url'>;
	/** Sends and keeps the whole answer. Throws BmcUnreachable, BmcNoAnswer or BmcGarbage. */
	send(request: ForwardRequest): Promise<BmcAnswer>;
	/**
	 * Sends and passes the answer's bytes on as they come, but for a page of a collection, of which nothing is written
	 * (`isPage`). Throws as `send`, before anything is written.
	 */
	pass(
		request: ForwardRequest,
		to: ServerResponse,
		headers: HeadersFor,
	): Promise<{ readonly status: number; readonly isPage: boolean }>;
	/**
	 * Opens a WebSocket at a console's path; it is paused. Throws BmcUnreachable, or ConsoleRefused with what the BMC
	 * answered: certainly nothing was opened.
	 */
	openSocket(path: string): Promise<WebSocket>;
	/** GET of one resource; throws also when the status is not 200 or the body is not JSON. */
	read(path: string): Promise<JsonValue>;
	/** Opens a stream of server-sent events, on a connection of its own. Throws also when the status is not 200. */
	stream(path: string, headers: Readonly<Record<string, string>>, sink: StreamSink): Promise<OpenStream>;
	/** Streams that are open, or being opened. */
	streams(): number;
	/** Path of the proxy's own session on the BMC, while it has one. */
	session(): string | undefined;
	/**
	 * The token of that session for another process of this proxy: another one than `refused`, which the BMC no
	 * longer takes. Throws BmcUnreachable.
	 */
	token(refused: string | undefined): Promise<string>;
	/** As the last exchange left it. */
	state(): BmcState;
	/** Another process of this proxy has exchanged something with the BMC. */
	noteState(state: BmcState): void;
	/** Ends the session on the BMC and all connections. */
	close(): Promise<void>;
}

/** How a connection is one of several to its BMC, in other processes of this proxy. */
export interface BmcShare {
	/** Where the token comes from, instead of a log-in of its own. */
	readonly tokenSource: TokenSource;
	/** Told when an exchange has left the state another than before. */
	readonly onState: (state: BmcState) => void;
}

export function connectBmc(target: BmcTarget, limits: ForwardLimits, share?: BmcShare): BmcConnection {
	const connector = connectorOf(target, Math.min(limits.timeout, 5000));
	const openPool = (connections: number): Pool =>
		new Pool(target.url, {
			connections,
			pipelining: 1,
			headersTimeout: limits.timeout,
			bodyTimeout: limits.timeout,
			keepAliveTimeout: 30_000,
			connect: connector,
		});
	const pool = openPool(limits.connections);
	/** A stream holds its connection for as long as it lasts: not one of those that requests wait for. */
	let streams: Pool | undefined;
	let openStreams = 0;
	let state: BmcState = 'unknown';
	let token: string | undefined;
	let location: string | undefined;
	let renewing: Promise<string> | undefined;

	const logIn = async (): Promise<string> => {
		const sent = collectAnswer(pool, target.name, limits, {
			method: 'POST',
			path: '/redfish/v1/SessionService/Sessions',
			headers: { 'content-type': 'application/json', accept: 'application/json' },
			body: Buffer.from(JSON.stringify({ UserName: target.username, Password: target.password })),
		});
		// Whatever went wrong, the request itself was not sent.
		const answer = await sent.catch(fault => {
			throw bmcUnreachable(target.name, `the log-in failed: ${(fault as Error).message}`, fault);
		});
		const opened = answer.headers['x-auth-token'];
		if (answer.status !== 201 || typeof opened !== 'string') {
			throw bmcUnreachable(target.name, `it refuses the proxy's log-in with status ${answer.status}`);
		}
		location = String(answer.headers.location ?? '');
		return opened;
	};
	/** One log-in at a time: all who need the session wait for the same one. */
	const renew = (refused: string | undefined): Promise<string> => {
		if (token !== undefined && token !== refused) return Promise.resolve(token);
		renewing ??= (share ? share.tokenSource(refused) : logIn())
			.then(renewed => {
				token = renewed;
				return renewed;
			})
			.finally(() => {
				renewing = undefined;
			});
		return renewing;
	};

	const note = (seen: BmcState): void => {
		if (seen !== state) share?.onState(seen);
		state = seen;
	};

	const attempt = async <R extends { status: number }>(
		request: ForwardRequest,
		run: (exchange: Exchange) => Promise<R>,
	): Promise<R> => {
		try {
			const used = token ?? (await renew(undefined));
			let result = await run(withToken(request, used));
			if (result.status === 401) {
				// The BMC has forgotten the session (it restarted): a 401 was certainly not executed, so once more.
				result = await run(withToken(request, await renew(used)));
				if (result.status === 401) throw bmcUnreachable(target.name, "it refuses the proxy's session");
			}
			note('up');
			return result;
		} catch (fault) {
			note('down');
			throw fault;
		}
	};

	return {
		target: { name: target.name, rack: target.rack, url: target.url },
		send: request => attempt(request, exchange => collectAnswer(pool, target.name, limits, exchange)),
		pass: (request, to, headers) =>
			attempt(request, exchange => passAnswer(pool, target.name, limits, exchange, to, headers)),
		async openSocket(path) {
			const asked = { method: 'GET', target: path, headers: {}, body: undefined };
			const { timeout } = limits;
			const { name: bmc, url } = target;
			const dialled = await attempt<Dialled>(asked, ({ headers }) =>
				dialSocket({ bmc, url, connector, timeout }, path, headers['x-auth-token'] ?? ''),
			);
			if (dialled.socket) return dialled.socket;
			throw proxyErrors.ConsoleRefused(
				`the BMC of ${bmc} answered ${dialled.status} instead of opening ${path}`,
			);
		},
		async read(path) {
			const answer = await this.send({
				method: 'GET',
				target: path,
				headers: { accept: 'application/json' },
				body: undefined,
			});
			if (answer.status !== 200) throw bmcGarbage(target.name, `status ${answer.status} for ${path}`);
			return parseAnswer(target.name, answer.body);
		},
		async stream(path, headers, sink) {
			streams ??= openPool(4);
			const from = streams;
			const request = { method: 'GET', target: path, headers, body: undefined };
			openStreams++;
			let isCounted = true;
			const leave = (): void => {
				if (isCounted) openStreams--;
				isCounted = false;
			};
			const onEnd: StreamSink['onEnd'] = fault => {
				leave();
				sink.onEnd(fault);
			};
			try {
				const opened = await attempt(request, exchange =>
					streamAnswer(from, target.name, limits, exchange, { ...sink, onEnd }),
				);
				if (opened.status !== 200) throw bmcGarbage(target.name, `status ${opened.status} for ${path}`);
				const close = (): void => {
					leave();
					opened.close();
				};
				return { ...opened, close };
			} catch (fault) {
				leave();
				throw fault;
			}
		},
		streams: () => openStreams,
		session: () => location,
		token: renew,
		state: () => state,
		noteState(seen) {
			state = seen;
		},
		async close() {
			// Whoever logged in ends the session.
			if (location?.startsWith('/redfish/v1/SessionService/Sessions/')) {
				await collectAnswer(
					pool,
					target.name,
					{ ...limits, timeout: 1000 },
					{
						...withToken({ method: 'DELETE', target: location, headers: {}, body: undefined }, token),
					},
				).catch(() => undefined); // the BMC ends idle sessions by itself
			}
			await Promise.all([pool.destroy(), streams?.destroy()]);
		},
	};
}

/** The same bytes, not a copy. */
const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** JSON as the filters need it; the BMC is not trusted to send it. */
export function parseAnswer(bmc: string, body: Uint8Array): JsonValue {
	try {
		return JSON.parse(viewOf(body).toString('utf8')) as JsonValue;
	} catch (fault) {
		throw bmcGarbage(bmc, 'not JSON', fault);
	}
}

function withToken(request: ForwardRequest, token: string | undefined): Exchange {
	return {
		method: request.method,
		path: request.target,
		headers: { ...request.headers, 'x-auth-token': token ?? '' },
		body: request.body,
	};
}

/** A pinned certificate replaces the check of names, and of the authority where none is given. */
function connectorOf(target: BmcTarget, timeout: number): NonNullable<Pool.Options['connect']> {
	const { ca, fingerprint, identity } = target;
	if (fingerprint) return pinnedConnector({ fingerprint, ca, identity, timeout });
	return {
		timeout,
		...(ca && { ca }),
		...(identity && { cert: identity.certificate, key: identity.key }),
	};
}
