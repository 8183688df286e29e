import { once } from 'node:events';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What a peer proxy needs: where the BMC is, whom to trust, and its own key and certificate (PEM). */
export interface ReverseProxyOptions {
	readonly target: string;
	/** Most connections to the BMC at once. */
	readonly connections: number;
	readonly ca: string;
	readonly key: string;
	readonly cert: string;
}

export interface ReverseProxyReady {
	readonly url: string;
}

/** Listens on a free port of 127.0.0.1, in the form that serve() wants. */
export async function listen(server: Server, onClose: () => void) {
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const ready: ReverseProxyReady = { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
	return {
		ready,
		async close() {
			server.close();
			server.closeAllConnections();
			onClose();
		},
	};
}
