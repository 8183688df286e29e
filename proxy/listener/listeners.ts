import { type IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { createRefusals, sayLast } from './refusals.ts';

export interface TlsMaterial {
	/** PEM. */
	readonly certificate: string;
	readonly key: string;
	/** PEM roots of the parties: client certificates under them are asked for, never demanded. */
	readonly partyRoots: readonly string[];
	/** Sockets on which a request may take longer than others: who receives it keeps the time. */
	readonly patient?: Pick<WeakSet<Socket>, 'has'> | undefined;
}

/**
 * An HTTPS server as every listener of the proxy is: HTTP/1.1 only (HTTP/2 would let two requests share what
 * is checked for one), strict parsing, and limits on what a slow client can hold.
 */
export function createTlsServer(
	tls: TlsMaterial,
	handle: (request: IncomingMessage, response: ServerResponse) => void,
	upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Server {
	const refusals = createRefusals();
	const take = (request: IncomingMessage, response: ServerResponse): void => {
		refusals.watch(request, response);
		handle(request, response);
	};
	const context: SecureContextOptions = { cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' };
	const server = createServer(
		{
			...context,
			...(tls.partyRoots.length > 0 && {
				ca: [...tls.partyRoots],
				requestCert: true,
				rejectUnauthorized: false,
			}),
			ALPNProtocols: ['http/1.1'],
			maxHeaderSize: 16 * 1024,
			insecureHTTPParser: false,
			handshakeTimeout: 10_000,
			headersTimeout: 15_000,
			requestTimeout: 120_000,
			keepAliveTimeout: 65_000,
			connectionsCheckingInterval: 5000,
		},
		take,
	);
	server.on('clientError', (fault: NodeJS.ErrnoException, socket: Socket) => {
		if (fault.code !== 'ERR_HTTP_REQUEST_TIMEOUT' || !tls.patient?.has(socket))
			refusals.refuse(fault, socket);
	});
	// Without this, node:http would ask for every body before anybody has looked at the head.
	server.on('checkContinue', take);
	// Every request with an Upgrade header comes here, h2c included: whoever takes it opens consoles and nothing else.
	server.on('upgrade', inTurn(upgrade));
	server.on(
		'connect',
		inTurn((_request, socket) => sayLast(socket as Socket, '405 Method Not Allowed')),
	);
	return server;
}

type TakeSocket = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * For requests that leave HTTP, which node:http hands over at once, though those before them on the same connection are
 * not answered yet: what is said to them would come before those answers, or in the middle of one. Nobody has reason to
 * send such a thing before it has its answers: that connection ends.
 */
export function inTurn(take: TakeSocket): TakeSocket {
	return (request, socket, head) => {
		const probe = new ServerResponse(request);
		try {
			probe.assignSocket(socket as Socket); // throws while another answer has the socket
		} catch {
			socket.on('error', () => undefined);
			socket.destroy();
			return;
		}
		probe.detachSocket(socket as Socket);
		take(request, socket, head);
	};
}
