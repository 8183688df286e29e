import type { BimetalError } from '../errors/bimetal-error.ts';
import { httpErrors } from './errors.ts';

/** Why a server cannot listen, with what to do next. */
export function explainListenError(cause: NodeJS.ErrnoException, host: string, port: number): BimetalError {
	const where = `${host} port ${port}`;
	switch (cause.code) {
		case 'EADDRINUSE':
			return httpErrors.PortTaken(
				`Another program listens on ${where} already. See which with: ss -ltnp 'sport = :${port}'. Stop it, or choose another port (0 takes any free one).`,
				{ cause },
			);
		case 'EACCES':
			return httpErrors.PortForbidden(
				`This user may not listen on ${where}. Choose a port from 1024 up, or grant the right CAP_NET_BIND_SERVICE.`,
				{ cause },
			);
		case 'EADDRNOTAVAIL':
		case 'ENOTFOUND':
		case 'EAI_AGAIN':
			return httpErrors.AddressUnknown(
				`This machine has no address ${host} to listen on. Use 127.0.0.1, or an address that \`ip address\` shows.`,
				{ cause },
			);
		default:
			return httpErrors.ListenFailed(`Listening on ${where} failed: ${cause.message}`, { cause });
	}
}
