import net, { type AddressInfo, type Socket } from 'node:net';
import tls, { type SecureContextOptions } from 'node:tls';
import type { Clock } from '../../common/clock.ts';
import { type AnyAnswer, createRenderer } from './answer.ts';
import { type BodyReader, createBodyReader } from './body-reader.ts';
import { header, parseHead, type RequestHead } from './request-head.ts';

export interface TlsIdentity {
	/** PEM. */
	readonly key: string;
	readonly cert: string;
	/** PEM of who may issue client certificates; with it, a client is asked for one. */
	readonly ca?: string | undefined;
}

/** Whoever asks, as far as the head of the request shows; decides how much body may follow. */
export interface Admission<Context> {
	readonly bodyLimit: number;
	/** Gets the body as it comes; the handler's is then empty. */
	readonly take?: ((bytes: Buffer) => void) | undefined;
	readonly context: Context;
}

export interface HttpHandler<Context> {
	admit(head: RequestHead, remoteAddress: string): Admission<Context>;
	answer(head: RequestHead, body: Buffer, context: Context): AnyAnswer | Promise<AnyAnswer>;
}

export interface HttpServerOptions<Context> {
	readonly host: string;
	readonly port: number;
	readonly tls?: TlsIdentity | undefined;
	readonly clock: Clock;
	readonly handler: HttpHandler<Context>;
	/** A fault inside a handler; the client gets a 500. */
	readonly onFault: (error: unknown) => void;
	/** False: a new connection is cut at once, as when the machine's power is off. */
	readonly accepts?: () => boolean;
	readonly maxConnections?: number;
	readonly idleMs?: number;
}

export interface HttpServer {
	readonly port: number;
	/** Ends every open connection now. */
	dropConnections(): void;
	close(): Promise<void>;
}

// bmcweb's limits: 200 connections, 8 KiB of headers.
const MAX_CONNECTIONS = 200;
const MAX_HEAD = 8192;
const HANDSHAKE_MS = 15_000;
const MAX_WAITING = 64 * 1024;
const TOO_LARGE = { status: 431, headers: [], bare: true, close: true } as const;

/** A small HTTP/1.1 server on bare sockets: one request at a time for each connection, pipelining in order. */
export async function startHttpServer<Context>(options: HttpServerOptions<Context>): Promise<HttpServer> {
	const sockets = new Set<Socket>();
	const render = createRenderer(() => options.clock.now());
	const limit = options.maxConnections ?? MAX_CONNECTIONS;
	const onConnection = (socket: Socket) => {
		if (sockets.size >= limit || options.accepts?.() === false) {
			socket.on('error', () => {});
			socket.destroy();
			return;
		}
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		serveConnection(socket, options, render);
	};
	const server = options.tls
		? tls.createServer({ ...tlsOptions(options.tls), handshakeTimeout: HANDSHAKE_MS }, onConnection)
		: net.createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
	// A socket that never gets through its handshake counts neither as a connection nor as a fault of ours.
	server.on('tlsClientError', (_error, socket) => socket.destroy());
	server.maxConnections = limit * 2;
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(options.port, options.host, () => {
			server.off('error', reject);
			server.on('error', options.onFault);
			resolve();
		});
	});
	const raw = new Set<Socket>();
	server.on('connection', (socket: Socket) => {
		raw.add(socket);
		socket.once('close', () => raw.delete(socket));
	});
	const dropConnections = () => {
		for (const socket of [...sockets, ...raw]) socket.destroy();
	};
	return {
		port: (server.address() as AddressInfo).port,
		dropConnections,
		close: () =>
			new Promise(resolve => {
				server.close(() => resolve());
				dropConnections();
			}),
	};
}

function tlsOptions(identity: TlsIdentity): SecureContextOptions & tls.TlsOptions {
	return {
		key: identity.key,
		cert: identity.cert,
		// bmcweb's default; it also asks for a client certificate where it has a truststore, and needs none.
		minVersion: 'TLSv1.3',
		...(identity.ca === undefined ? {} : { ca: identity.ca, requestCert: true, rejectUnauthorized: false }),
	};
}

function serveConnection<Context>(
	socket: Socket,
	options: HttpServerOptions<Context>,
	render: ReturnType<typeof createRenderer>,
): void {
	const { handler } = options;
	const remote = socket.remoteAddress ?? '';
	let waiting: Buffer = Buffer.alloc(0);
	let current: { head: RequestHead; reader: BodyReader; context: Context } | undefined;
	let busy = false;
	let finished = false;
	let halfClosed = false;
	let endStream: (() => void) | undefined;

	const finish = () => {
		finished = true;
		waiting = Buffer.alloc(0);
		socket.end();
	};

	const send = (head: RequestHead, answer: AnyAnswer) => {
		if (socket.destroyed) return;
		if ('stream' in answer) {
			busy = true;
			socket.setTimeout(0);
			socket.write(answer.head, 'latin1');
			endStream = answer.open(
				text => {
					if (!socket.destroyed && socket.writableLength < 4 * 1024 * 1024) socket.write(text, 'utf8');
				},
				() => socket.destroy(),
			);
			if (halfClosed) socket.destroy();
			return;
		}
		if ('upgrade' in answer) {
			finished = true;
			socket.off('data', onData).off('end', onEnd).off('timeout', onIdle).setTimeout(0);
			answer.upgrade(socket, waiting);
			waiting = Buffer.alloc(0);
			return;
		}
		if ('raw' in answer) {
			finished = true;
			socket.end(answer.raw);
			return;
		}
		const close = answer.close === true || !keepsAlive(head);
		socket.write(render(answer, close), 'latin1');
		if (close) finish();
	};

	const dispatch = (head: RequestHead, body: Buffer, context: Context) => {
		let answer: AnyAnswer | Promise<AnyAnswer>;
		try {
			answer = handler.answer(head, body, context);
		} catch (error) {
			options.onFault(error);
			answer = { status: 500, headers: [], close: true };
		}
		if (!(answer instanceof Promise)) return send(head, answer);
		busy = true;
		answer
			.catch((error: unknown): AnyAnswer => {
				options.onFault(error);
				return { status: 500, headers: [], close: true };
			})
			.then(settled => {
				busy = false;
				send(head, settled);
				advance();
			});
	};

	const advance = () => {
		while (!busy && !finished && !socket.destroyed) {
			if (!current) {
				if (waiting.length === 0) break;
				const result = parseHead(waiting.toString('latin1', 0, MAX_HEAD + 1), MAX_HEAD);
				if (result.kind === 'more') break;
				if (result.kind === 'bad') return void socket.destroy();
				if (result.kind === 'too-large') {
					socket.write(render(TOO_LARGE, true), 'latin1');
					return finish();
				}
				waiting = waiting.subarray(result.length);
				const admission = handler.admit(result.head, remote);
				current = {
					head: result.head,
					reader: createBodyReader(result.head.framing, admission.bodyLimit, admission.take),
					context: admission.context,
				};
			}
			const step = current.reader.push(waiting);
			if (step.kind === 'bad') return void socket.destroy();
			if (step.kind === 'more') {
				waiting = Buffer.alloc(0);
				break;
			}
			waiting = step.rest;
			const { head, context } = current;
			current = undefined;
			dispatch(head, step.body, context);
		}
		if (halfClosed && !busy && !finished) finish();
		if (waiting.length < MAX_WAITING && socket.isPaused()) socket.resume();
	};

	const onData = (bytes: Buffer): void => {
		if (finished) return;
		waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes]);
		if (busy && waiting.length >= MAX_WAITING) socket.pause();
		advance();
	};
	const onEnd = (): void => {
		halfClosed = true;
		if (endStream) return void socket.destroy();
		advance();
	};
	const onIdle = (): void => void socket.destroy();
	socket.on('data', onData);
	socket.on('end', onEnd);
	socket.on('error', () => socket.destroy());
	socket.on('close', () => {
		finished = true;
		endStream?.();
		endStream = undefined;
	});
	socket.setTimeout(options.idleMs ?? 60_000).on('timeout', onIdle);
}

function keepsAlive(head: RequestHead): boolean {
	const connection = header(head, 'connection')?.toLowerCase() ?? '';
	const tokens = connection.split(',').map(token => token.trim());
	return head.minor === 1 ? !tokens.includes('close') : tokens.includes('keep-alive');
}
