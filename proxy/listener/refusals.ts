import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Exchange {
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
}

/** What is said to bytes that node:http could not parse: there is no request to answer. */
export interface Refusals {
	/** To be told of every request that was parsed. */
	watch(request: IncomingMessage, response: ServerResponse): void;
	/**
	 * A bare status line and the end of the connection, when it is its turn: after the answers to the requests before it
	 * (RFC 9112 §9.3.2), for said earlier it would be taken for the answer to one of them. Where an answer to the broken
	 * request itself has begun, nothing can be said any more.
	 */
	refuse(fault: NodeJS.ErrnoException, socket: Socket): void;
}

export function createRefusals(): Refusals {
	const open = new WeakMap<Socket, Set<Exchange>>();
	const refused = new WeakMap<Socket, string>();

	const settle = (socket: Socket): void => {
		const status = refused.get(socket);
		if (status === undefined) return;
		const exchanges = [...(open.get(socket) ?? [])];
		if (exchanges.some(({ request }) => request.complete)) return;
		if (exchanges.some(({ response }) => response.headersSent)) socket.destroy();
		else sayLast(socket, status);
	};
	return {
		watch(request, response) {
			const { socket } = request;
			const exchange = { request, response };
			const exchanges = open.get(socket) ?? new Set();
			open.set(socket, exchanges.add(exchange));
			response.once('close', () => {
				exchanges.delete(exchange);
				settle(socket);
			});
		},
		refuse(fault, socket) {
			// Whatever comes after the first such bytes is no better.
			if (refused.has(socket)) return;
			if (fault.code === 'ECONNRESET' || !socket.writable) {
				socket.destroy();
				return;
			}
			refused.set(socket, statusOf(fault.code));
			settle(socket);
		},
	};
}

function statusOf(code: string | undefined): string {
	switch (code) {
		case 'HPE_HEADER_OVERFLOW':
			return '431 Request Header Fields Too Large';
		case 'ERR_HTTP_REQUEST_TIMEOUT':
			return '408 Request Timeout';
		default:
			return '400 Bad Request';
	}
}

/** A bare answer, and the end of the connection. */
export function sayLast(socket: Socket, status: string): void {
	socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
