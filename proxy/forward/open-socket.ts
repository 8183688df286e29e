import type { ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { type ClientOptions, WebSocket } from 'ws';
import { bmcUnreachable } from './bmc-fault.ts';

/** Bytes of one message that a BMC may send: OpenBMC's KVM sends 50 KiB, others more. */
const largestMessage = 1024 * 1024;

export interface OpenSocketOptions {
	readonly bmc: string;
	/** Origin of the BMC. */
	readonly url: string;
	readonly connector: buildConnector.connector | buildConnector.BuildOptions;
	/** Milliseconds for connecting, and again for the BMC's answer. */
	readonly timeout: number;
}

/** How a BMC answered a handshake. The socket does nothing until somebody listens to it. */
export type Dialled =
	| { readonly status: 101; readonly socket: WebSocket }
	| { readonly status: number; readonly socket: undefined };

/**
 * Opens a WebSocket on a BMC with a handshake of the proxy's own: the path that was decided on and the proxy's
 * session, and nothing of the client's. Connects as requests do, with the same check of its certificate. No
 * compression, so that a small message stays small.
 */
export async function dialSocket(options: OpenSocketOptions, path: string, token: string): Promise<Dialled> {
	const { origin, protocol, hostname, port } = new URL(options.url);
	const socket = await connect(options, { protocol, hostname, port });
	const how: ClientOptions & ClientRequestArgs = {
		headers: { 'x-auth-token': token },
		perMessageDeflate: false,
		followRedirects: false,
		maxPayload: largestMessage,
		handshakeTimeout: options.timeout,
		// It is connected, and its certificate checked, already.
		createConnection: () => socket,
	};
	return new Promise<Dialled>((resolve, reject) => {
		const opening = new WebSocket(`${origin.replace(/^http/, 'ws')}${path}`, [], how);
		const onError = (fault: Error): void => {
			socket.destroy();
			reject(bmcUnreachable(options.bmc, `its console did not open: ${fault.message}`, fault));
		};
		opening.once('error', onError);
		opening.once('unexpected-response', (sent, response) => {
			opening.off('error', onError);
			opening.on('error', () => undefined);
			response.resume();
			sent.destroy();
			socket.destroy();
			resolve({ status: response.statusCode ?? 0, socket: undefined });
		});
		opening.once('open', () => {
			opening.off('error', onError);
			// Or else what comes with the answer to the handshake would be gone before anybody listens.
			opening.pause();
			resolve({ status: 101, socket: opening });
		});
	});
}

function connect(
	{ bmc, connector }: OpenSocketOptions,
	target: { protocol: string; hostname: string; port: string },
): Promise<Socket> {
	const open = typeof connector === 'function' ? connector : buildConnector(connector);
	return new Promise((resolve, reject) => {
		open(target, (...[fault, socket]: [Error, null] | [null, Socket]) => {
			if (socket) resolve(socket);
			else reject(bmcUnreachable(bmc, fault?.message ?? 'no connection', fault));
		});
	});
}
