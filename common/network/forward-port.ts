import { connect, createServer } from 'node:net';
import { type ListeningElsewhere, listenInNetwork } from './listen-in-network.ts';

/**
 * Has a port in another network namespace (as nsenter(1) takes it) lead to one of this machine's loopback, byte for byte.
 * @param of `lifetime` in milliseconds: a connection is cut off then
 * @throws BimetalError ListenFailed
 */
export function forwardPort(of: {
	readonly network: string;
	readonly host: string;
	readonly port: number;
	/** A port of 127.0.0.1. */
	readonly to: number;
	readonly lifetime: number;
}): Promise<ListeningElsewhere> {
	const { to, ...place } = of;
	const server = createServer(socket => {
		const onward = connect(to, '127.0.0.1');
		for (const [from, into] of [
			[socket, onward],
			[onward, socket],
		] as const) {
			from.pipe(into).on('error', () => from.destroy());
			from.once('close', () => into.destroy());
		}
	});
	return listenInNetwork(server, place);
}
