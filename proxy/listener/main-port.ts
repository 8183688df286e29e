import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { renderRedfishError } from '../answer/redfish-error.ts';
import { refuse } from '../console/upgrade-handler.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { inviteBody } from './read-body.ts';
import type { Address, RedfishHandler } from './redfish-handler.ts';
import { createRouter } from './route.ts';
import { writeAnswer } from './write-answer.ts';

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What listens at an address. */
export interface Door {
	readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
	readonly upgrade: Upgrade;
}

export interface DoorsDeps {
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	/** BMCs by the host name that each has for itself. */
	readonly hosts: ReadonlyMap<string, BmcConnection>;
	readonly management: RequestListener;
	readonly redfish: RedfishHandler;
	readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, address: Address) => void;
}

/** The main port: the management API, and every BMC by its host name or its path prefix. */
export function createMainPort({ bmcs, hosts, management, redfish, upgrade }: DoorsDeps): Door {
	const route = createRouter(bmcs, hosts);
	return {
		handle(request, response) {
			const destination = route(request.headers.host, request.url ?? '');
			switch (destination.kind) {
				case 'management':
					inviteBody(request, response);
					management(request, response);
					return;
				case 'bmc':
					redfish(request, response, destination);
					return;
				case 'no-bmc':
					redfish(request, response, { bmc: undefined, prefix: '', url: destination.url });
					return;
				case 'unknown-bmc':
					writeAnswer(request, response, unknownBmc());
			}
		},
		upgrade(request, socket, head) {
			const url = request.url ?? '';
			const destination = route(request.headers.host, url);
			if (destination.kind === 'unknown-bmc') refuse(request, socket, unknownBmc());
			else
				upgrade(
					request,
					socket,
					head,
					destination.kind === 'bmc' ? destination : { bmc: undefined, prefix: '', url },
				);
		},
	};
}

/** A BMC's own port, where its paths are plain. */
export function createOwnPort(
	bmc: BmcConnection,
	{ redfish, upgrade }: Pick<DoorsDeps, 'redfish' | 'upgrade'>,
): Door {
	const address = (request: IncomingMessage): Address => ({ bmc, prefix: '', url: request.url ?? '' });
	return {
		handle: (request, response) => redfish(request, response, address(request)),
		upgrade: (request, socket, head) => upgrade(request, socket, head, address(request)),
	};
}

const unknownBmc = () => renderRedfishError(proxyErrors.UnknownBmc('this site has no BMC of that name'));
