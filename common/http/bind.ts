import type { AddressInfo, Server } from 'node:net';
import { explainListenError } from './listen-error.ts';

/**
 * Binds a server to its address; port 0 takes a free one.
 * @throws BimetalError PortTaken, PortForbidden, AddressUnknown or ListenFailed, saying what to do next.
 */
export async function bind(server: Server, host: string, port: number): Promise<AddressInfo> {
	await new Promise<void>((resolve, reject) => {
		const fail = (cause: NodeJS.ErrnoException) => reject(explainListenError(cause, host, port));
		server.once('error', fail);
		server.listen({ host, port }, () => {
			server.off('error', fail);
			resolve();
		});
	});
	return server.address() as AddressInfo;
}
