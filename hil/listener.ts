import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { Clock } from '../common/clock.ts';
import { watchFile } from '../common/config/watch-file.ts';
import type { PeerSocket } from '../common/identity/client-certificate.ts';
import type { Logger } from '../common/log/logger.ts';

/** Files of a site, all PEM. */
export interface ListenerTls {
	readonly certificate: string;
	readonly key: string;
	/** Clients are asked for certificates that these authorities issued; they need not have one. */
	readonly clientCa?: string | undefined;
	/** One list for each authority: OpenSSL then takes no certificate of an authority whose list is missing or out of date. */
	readonly clientCrl?: string | undefined;
}

/** A server that does not listen yet; requests go to whoever asks it for them. */
export interface Listener {
	readonly server: Server | TlsServer;
	/** Whether a connection was made under the present list of revoked certificates. */
	isCurrent(socket: PeerSocket): boolean;
	/** Ends what watches files. */
	close(): void;
}

/** @throws Error when a file does not hold what it should */
export function createListener(
	tls: ListenerTls | undefined,
	deps: { readonly clock: Clock; readonly logger: Logger },
): Listener {
	if (!tls) return { server: createServer(), isCurrent: () => true, close: () => undefined };
	const { clientCa, clientCrl: file } = tls;
	const fixed: SecureContextOptions = {
		cert: readFileSync(tls.certificate, 'utf8'),
		key: readFileSync(tls.key, 'utf8'),
		minVersion: 'TLSv1.2',
		...(clientCa !== undefined && { ca: readFileSync(clientCa, 'utf8') }),
	};
	const context = (): SecureContextOptions =>
		file === undefined ? fixed : { ...fixed, crl: readLists(file) };
	const server = createTlsServer({
		...context(),
		// Whoever shows a wrong one is answered, and told what is wrong with it.
		...(clientCa !== undefined && { requestCert: true, rejectUnauthorized: false }),
	});
	if (file === undefined) return { server, isCurrent: () => true, close: () => undefined };
	const connections = followConnections(server);
	const watcher = watchFile({
		file,
		clock: deps.clock,
		onChange() {
			try {
				server.setSecureContext(context());
			} catch (err) {
				deps.logger.error(
					{ err, file },
					'the list of revoked certificates cannot be used: the last good one goes on',
				);
				return;
			}
			connections.outdate();
			deps.logger.info({ file }, 'certificates are held against a new list of revoked ones');
		},
	});
	return { server, isCurrent: connections.isCurrent, close: watcher.close };
}

/** The lists of a PEM file: Node takes the first one of each text only. */
function readLists(file: string): string[] {
	const lists = readFileSync(file, 'utf8').match(/-----BEGIN X509 CRL-----[\s\S]*?-----END X509 CRL-----/g);
	if (!lists) throw new Error(`there is no list of revoked certificates (X509 CRL, PEM) in ${file}`);
	createSecureContext({ crl: lists });
	return lists;
}

/**
 * A certificate is held against the list when its connection is made: what was made under an older list is no longer
 * good for it. Such connections are closed, those of an answer under way after that answer.
 */
function followConnections(server: TlsServer) {
	/** By address and port: those whose handshake goes on, and those that show a certificate. */
	const beginning = new Map<string, Socket>();
	const open = new Set<TLSSocket>();
	const answering = new Map<unknown, number>();
	let outdated = new WeakSet<PeerSocket>();
	const key = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

	server.on('connection', (socket: Socket) => {
		const name = key(socket);
		beginning.set(name, socket);
		socket.once('close', () => beginning.get(name) === socket && beginning.delete(name));
	});
	server.on('secureConnection', (socket: TLSSocket) => {
		beginning.delete(key(socket));
		if (!socket.getPeerX509Certificate()) return;
		open.add(socket);
		socket.once('close', () => open.delete(socket));
	});
	server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
		answering.set(socket, (answering.get(socket) ?? 0) + 1);
		response.once('close', () => {
			const left = (answering.get(socket) ?? 1) - 1;
			if (left > 0) answering.set(socket, left);
			else answering.delete(socket);
			if (left === 0 && outdated.has(socket as PeerSocket)) socket.destroySoon();
		});
	});
	return {
		isCurrent: (socket: PeerSocket): boolean => !outdated.has(socket),
		outdate(): void {
			// These would be verified by the old list, and counted as new.
			for (const socket of beginning.values()) socket.destroy();
			outdated = new WeakSet<PeerSocket>(open as Set<PeerSocket>);
			for (const socket of open) if (!answering.has(socket)) socket.destroySoon();
		},
	};
}
