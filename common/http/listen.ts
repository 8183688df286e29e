import type { Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../clock.ts';
import type { BimetalError } from '../errors/bimetal-error.ts';
import { httpErrors } from './errors.ts';

export interface Listening {
	readonly host: string;
	/** The one the system chose, when 0 was asked for. */
	readonly port: number;
	/**
	 * Takes no more connections, lets the answers under way end, and after `graceMs` milliseconds (5,000 when
	 * absent) cuts off what is left. Resolves when the last connection is gone; calling it again is harmless.
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

	await new Promise<void>((resolve, reject) => {
		const fail = (cause: NodeJS.ErrnoException) => reject(explain(cause, host, port));
		server.once('error', fail);
		server.listen({ host, port }, () => {
			server.off('error', fail);
			resolve();
		});
	});
	const address = server.address() as AddressInfo;

	const close = async (graceMs: number): Promise<void> => {
		const closed = new Promise<void>(resolve => {
			server.close(() => resolve());
		});
		for (const response of answering) endAfter(response);
		server.closeIdleConnections();
		const cancel = clock.after(graceMs, () => {
			for (const socket of connections) socket.destroy();
		});
		await closed;
		cancel();
	};
	return {
		host: address.address,
		port: address.port,
		close(graceMs = 5000) {
			closing ??= close(graceMs);
			return closing;
		},
	};
}

/** Tells the client that this connection ends with this answer (RFC 9112 section 9.6). */
function endAfter(response: ServerResponse): void {
	if (!response.headersSent) response.setHeader('Connection', 'close');
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): BimetalError {
	const where = `${host} port ${port}`;
	switch (cause.code) {
		case 'EADDRINUSE':
			return httpErrors.PortTaken(
				`Another program listens on ${where} already. See which with: ss -ltnp 'sport = :${port}'. Stop it, or choose another port (0 takes any free one).`,
				{ cause },
			);
		case 'EACCES':
			return httpErrors.PortForbidden(
				`This user may not listen on ${where}. Choose a port from 1024 up, or grant the right CAP_NET_BIND_SERVICE.`,
				{ cause },
			);
		case 'EADDRNOTAVAIL':
		case 'ENOTFOUND':
		case 'EAI_AGAIN':
			return httpErrors.AddressUnknown(
				`This machine has no address ${host} to listen on. Use 127.0.0.1, or an address that \`ip address\` shows.`,
				{ cause },
			);
		default:
			return httpErrors.ListenFailed(`Listening on ${where} failed: ${cause.message}`, { cause });
	}
}
