import type { Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import { bind } from './bind.ts';

export interface Listening {
	readonly host: string;
	/** The one the system chose, when 0 was asked for. */
	readonly port: number;
	/**
	 * Takes no more connections, lets the answers under way end, and after `graceMs` milliseconds (5,000 when
	 * absent) cuts off what is left. Resolves when the last connection is gone; called again, it can only be sooner.
	 */
	close(graceMs?: number): Promise<void>;
}

/**
 * Listens, and keeps account of every connection so that closing ends.
 * @throws BimetalError PortTaken, PortForbidden, AddressUnknown or ListenFailed, saying what to do next.
 */
export async function listen(
	server: Server | TlsServer,
	{ host, port, clock = systemClock }: { host: string; port: number; clock?: Clock },
): Promise<Listening> {
	const connections = new Set<Socket>();
	const answering = new Set<ServerResponse>();
	let closing: Promise<void> | undefined;
	// Also sockets in the middle of a TLS handshake and upgraded ones, which the server itself forgets.
	server.on('connection', (socket: Socket) => {
		connections.add(socket);
		socket.once('close', () => connections.delete(socket));
	});
	server.on('request', (_request, response: ServerResponse) => {
		answering.add(response);
		if (closing) endAfter(response);
		response.once('close', () => {
			answering.delete(response);
			if (closing) server.closeIdleConnections();
		});
	});

	const address = await bind(server, host, port);

	const close = async (graceMs: number): Promise<void> => {
		const closed = new Promise<void>(resolve => {
			server.close(() => resolve());
		});
		for (const response of answering) endAfter(response);
		server.closeIdleConnections();
		const cancel = cutAfter(graceMs);
		await closed;
		cancel();
	};
	const cutAfter = (graceMs: number): (() => void) =>
		clock.after(graceMs, () => {
			for (const socket of connections) socket.destroy();
		});
	return {
		host: address.address,
		port: address.port,
		close(graceMs = 5000) {
			if (closing) {
				const cancel = cutAfter(graceMs);
				void closing.then(cancel);
			}
			closing ??= close(graceMs);
			return closing;
		},
	};
}

/** Tells the client that this connection ends with this answer (RFC 9112 section 9.6). */
function endAfter(response: ServerResponse): void {
	if (!response.headersSent) response.setHeader('Connection', 'close');
}

/** `https://127.0.0.1:8443`. */
export const urlOf = (scheme: string, { host, port }: Pick<Listening, 'host' | 'port'>): string =>
	`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
