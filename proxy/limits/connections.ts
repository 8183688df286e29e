import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { networkOf } from '../authenticate/throttle.ts';

export interface ConnectionLimits {
	/** Connections in all, of one listener. */
	readonly connections: number;
	/** Of them from one address, or one /64. */
	readonly perAddress: number;
}

/**
 * Cuts connections over the limits off as soon as they are there, before the TLS handshake costs anything.
 * @param onRefused told of each
 */
export function limitConnections(server: Server, limits: ConnectionLimits, onRefused: () => void): void {
	server.maxConnections = limits.connections;
	server.on('drop', onRefused);
	const byNetwork = new Map<string, number>();
	server.prependListener('connection', (socket: Socket) => {
		// What another process hands over has none: that process has counted it.
		if (socket.remoteAddress === undefined) return;
		const network = networkOf(socket.remoteAddress);
		const count = (byNetwork.get(network) ?? 0) + 1;
		byNetwork.set(network, count);
		socket.once('close', () => {
			const left = (byNetwork.get(network) ?? 1) - 1;
			if (left > 0) byNetwork.set(network, left);
			else byNetwork.delete(network);
		});
		if (count <= limits.perAddress) return;
		onRefused();
		socket.destroy();
	});
}
