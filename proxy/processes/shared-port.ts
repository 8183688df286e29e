import type { Server as TlsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import type { Clock } from '../../common/clock.ts';
import { bind } from '../../common/http/bind.ts';
import type { Listening } from '../../common/http/listen.ts';
import type { CountConnection } from '../limits/connections.ts';

export interface SharedPort {
	readonly host: string;
	readonly port: number;
	/** Gives a connection to a worker, and calls `leave` when it is no more; false when there is none to take it. */
	readonly give: (socket: Socket, leave: () => void) => boolean;
	/** Counts what comes, wherever it is served. */
	readonly count: CountConnection;
	/** Serves, in this process, while there is none. It listens nowhere itself. */
	readonly alone: TlsServer;
	readonly clock: Clock;
}

/**
 * Listens for a port whose connections are served in other processes, from their first byte.
 * @throws BimetalError PortTaken, PortForbidden, AddressUnknown or ListenFailed
 */
export async function listenShared({
	host,
	port,
	give,
	count,
	alone,
	clock,
}: SharedPort): Promise<Listening> {
	const kept = new Set<Socket>();
	const server = createServer({ pauseOnConnect: true }, socket => {
		socket.on('error', () => socket.destroy());
		// Undefined: it has gone already.
		const leave = socket.remoteAddress === undefined ? undefined : count(socket.remoteAddress);
		if (!leave) return void socket.destroy();
		if (give(socket, leave)) return;
		kept.add(socket);
		socket.once('close', () => {
			kept.delete(socket);
			leave();
		});
		alone.emit('connection', socket);
	});
	// node:http begins to look after slow clients when it listens.
	alone.emit('listening');
	const address = await bind(server, host, port);

	const close = async (graceMs: number): Promise<void> => {
		server.close();
		alone.close(() => undefined); // it says that it never listened
		const empty = new Promise<void>(resolve => {
			const look = () => void (kept.size === 0 && resolve());
			for (const socket of kept) socket.once('close', look);
			look();
		});
		const cancel = clock.after(graceMs, () => {
			for (const socket of kept) socket.destroy();
		});
		await empty;
		cancel();
	};
	let closing: Promise<void> | undefined;
	return {
		host: address.address,
		port: address.port,
		close(graceMs = 5000) {
			closing ??= close(graceMs);
			return closing;
		},
	};
}
