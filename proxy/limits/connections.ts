import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { networkOf } from '../authenticate/throttle.ts';

export interface ConnectionLimits {
	/** Connections in all, of one listener. */
	readonly connections: number;
	/** Of them from one address, or one /64. */
	readonly perAddress: number;
}

/** Counts a connection from an address; what it gives is to be called once when it is closed. Undefined: one too many. */
export type CountConnection = (remoteAddress: string) => (() => void) | undefined;

/** @param onRefused told of each that was one too many */
export function createConnectionCount(limits: ConnectionLimits, onRefused: () => void): CountConnection {
	const byNetwork = new Map<string, number>();
	let total = 0;
	return remoteAddress => {
		const network = networkOf(remoteAddress);
		const count = byNetwork.get(network) ?? 0;
		if (count >= limits.perAddress || total >= limits.connections) {
			onRefused();
			return undefined;
		}
		total++;
		byNetwork.set(network, count + 1);
		let isClosed = false;
		return () => {
			if (isClosed) return;
			isClosed = true;
			total--;
			const left = (byNetwork.get(network) ?? 1) - 1;
			if (left > 0) byNetwork.set(network, left);
			else byNetwork.delete(network);
		};
	};
}

/** Cuts connections over the limits off as soon as they are there, before the TLS handshake costs anything. */
export function limitConnections(server: Server, count: CountConnection): void {
	server.prependListener('connection', (socket: Socket) => {
		// What another process hands over has none: that process has counted it.
		if (socket.remoteAddress === undefined) return;
		const leave = count(socket.remoteAddress);
		if (leave) socket.once('close', leave);
		else socket.destroy();
	});
}
