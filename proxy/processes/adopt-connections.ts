import type { ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';

export interface Connections {
	/** Serves a connection that was accepted elsewhere, from its first byte; calls `onClose` when it is no more. */
	adopt(door: string, socket: Socket, onClose: () => void): void;
	/** Lets the answers under way end, then, after `graceMs` milliseconds, cuts off what is left. */
	close(graceMs: number): Promise<void>;
}

/** The connections of servers that listen nowhere. */
export function adoptConnections(serverOf: (door: string) => TlsServer | undefined): Connections {
	const sockets = new Set<Socket>();
	const servers = new Set<TlsServer>();
	const answering = new Set<ServerResponse>();
	let closing = false;
	let onEmpty: () => void = () => undefined;

	const endAfter = (response: ServerResponse): void => {
		if (!response.headersSent) response.setHeader('Connection', 'close');
	};
	const know = (server: TlsServer): void => {
		if (servers.has(server)) return;
		servers.add(server);
		server.on('request', (_request, response: ServerResponse) => {
			answering.add(response);
			if (closing) endAfter(response);
			response.once('close', () => {
				answering.delete(response);
				if (closing) server.closeIdleConnections();
			});
		});
	};
	return {
		adopt(door, socket, onClose) {
			const server = serverOf(door);
			socket.once('close', onClose);
			if (!server || closing || sockets.size >= mostConnections) {
				socket.destroy();
				return;
			}
			know(server);
			sockets.add(socket);
			socket.once('close', () => {
				sockets.delete(socket);
				if (sockets.size === 0) onEmpty();
			});
			server.emit('connection', socket);
		},
		async close(graceMs) {
			closing = true;
			for (const response of answering) endAfter(response);
			for (const server of servers) server.closeIdleConnections();
			if (sockets.size === 0) return;
			await new Promise<void>(resolve => {
				onEmpty = resolve;
				setTimeout(() => {
					for (const socket of sockets) socket.destroy();
				}, graceMs).unref();
			});
		},
	};
}

/** Of one process: sockets and TLS states are memory. */
const mostConnections = 4000;
