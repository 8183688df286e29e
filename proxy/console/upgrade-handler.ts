import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Answer } from '../answer/answer.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { Authentication } from '../authenticate/authenticate.ts';
import { operatorOrThrow } from '../authenticate/session-service.ts';
import type { Call } from '../call.ts';
import { canonicaliseHandshake, type Handshake } from '../canonicalise/handshake.ts';
import type { HeaderFields } from '../canonicalise/header-fields.ts';
import { refusal } from '../canonicalise/refusals.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Address } from '../listener/redfish-handler.ts';
import { writeAnswer } from '../listener/write-answer.ts';
import type { Operator } from '../operator.ts';
import { consoleKindOf } from '../policy/console-paths.ts';
import type { Consoles } from './consoles.ts';

export interface UpgradeHandlerDeps {
	readonly consoles: Pick<Consoles, 'open' | 'bmcOf'>;
	readonly authenticate: (
		fields: HeaderFields,
		request: IncomingMessage,
	) => Authentication | Promise<Authentication>;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	/** Origins of web pages that may open consoles besides the proxy's own. */
	readonly origins: readonly string[];
	readonly clock: Clock;
	readonly logger: Logger;
	readonly observe: (observed: { method: string; route: string; status: string; ms: number }) => void;
}

/** What a client's socket asks to be upgraded; never throws. `head` is what came after the request's head. */
export type UpgradeHandler = (
	request: IncomingMessage,
	socket: Duplex,
	head: Buffer,
	address: Address,
) => void;

/** Bytes of one message that an operator may send: bmcweb's own limit. */
const largestMessage = 131_088;

/**
 * A handshake's way through the stages. It ends as a console that is open, or as an answer like any request's: 202 when
 * it waits, 403 when it is denied. Nothing reaches a BMC before it was decided on.
 */
export function createUpgradeHandler(deps: UpgradeHandlerDeps): UpgradeHandler {
	const callOf = async (
		{ request }: Handshake,
		operator: Operator,
		{ bmc, prefix }: Address,
	): Promise<Call> => {
		const isWatch = consoleKindOf(request.segments) === 'watch';
		if (isWatch && bmc) throw refusal('UpgradeRefused', 'a session is watched on the main port');
		const named = isWatch
			? deps.bmcs.get(await deps.consoles.bmcOf(request.segments[3] ?? '', operator))
			: bmc;
		if (!named) {
			throw proxyErrors.UnknownBmc(
				'the address names no BMC: use its own port, or /bmc/<name>/console0 on this one',
			);
		}
		return { request, operator, bmc: named, prefix };
	};

	const handle = async (
		request: IncomingMessage,
		socket: Duplex,
		head: Buffer,
		address: Address,
	): Promise<Answer | undefined> => {
		const handshake = canonicaliseHandshake(
			{
				method: request.method,
				url: address.url,
				rawHeaders: request.rawHeaders,
				httpVersion: request.httpVersion,
				early: head.length,
			},
			deps.origins,
		);
		const authentication = await deps.authenticate(handshake.fields, request);
		const operator = operatorOrThrow(authentication);
		const call = await callOf(handshake, operator, address);
		return deps.consoles.open(call, {
			sessionId:
				authentication.kind === 'operator' && authentication.how === 'session'
					? (authentication.sessionId ?? '')
					: null,
			isGone: () => socket.destroyed || !socket.writable,
			accept: () => accept(request, socket, handshake.protocol),
		});
	};

	return (request, socket, head, address) => {
		const began = deps.clock.now();
		// Until it is a WebSocket or has been answered, a client that goes away is no fault of anybody's.
		const onError = (): void => void socket.destroy();
		socket.on('error', onError);
		handle(request, socket, head, address)
			.catch((fault: unknown) => {
				const rendered = renderRedfishError(fault);
				if (rendered.status >= 500)
					deps.logger.error(
						{ err: fault, target: request.url, bmc: address.bmc?.target.name },
						'a console was not opened',
					);
				return rendered;
			})
			.then(answer => {
				const status = String(answer?.status ?? 101);
				deps.observe({ method: 'GET', route: 'console', status, ms: deps.clock.now() - began });
				if (answer) refuse(request, socket, answer);
			})
			.catch((fault: unknown) => {
				deps.logger.error({ err: fault }, 'a handshake could not be answered');
				socket.destroy();
			});
	};
}

/** Answers 101. The handshake was checked already; what `ws` checks again cannot fail. */
function accept(request: IncomingMessage, socket: Duplex, protocol: string | undefined) {
	const server = new WebSocketServer({
		noServer: true,
		clientTracking: false,
		// One small message of a compressed stream can unfold to anything.
		perMessageDeflate: false,
		maxPayload: largestMessage,
		handleProtocols: () => protocol ?? false,
	});
	let opened: import('ws').WebSocket | undefined;
	server.handleUpgrade(request, socket, Buffer.alloc(0), ws => {
		opened = ws;
	});
	if (!opened) throw proxyErrors.ConsoleRefused('the client has gone');
	return opened;
}

/** An HTTP answer on a socket that node:http has let go of; then the connection ends. */
export function refuse(request: IncomingMessage, socket: Duplex, answer: Answer): void {
	if (socket.destroyed) return;
	const response = new ServerResponse(request);
	response.shouldKeepAlive = false;
	response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0]);
	response.on('finish', () => {
		response.detachSocket(socket as Parameters<ServerResponse['detachSocket']>[0]);
		socket.end(() => socket.destroy());
	});
	const headers =
		answer.status === 426 ? { ...answer.headers, 'sec-websocket-version': '13' } : answer.headers;
	writeAnswer(request, response, { ...answer, headers });
}
