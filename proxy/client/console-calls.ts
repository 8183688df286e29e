import { WebSocket } from 'ws';
import type { z } from 'zod';
import { type ConsoleView, consoleList, consoleView } from '../console/schemas.ts';
import type { Answer, Call, Transport } from './transport.ts';

/** A console that is open, from its operator's side. */
export interface OpenConsole {
	send(bytes: Uint8Array): void;
	/** Called with what the console shows, in order. */
	onData(take: (bytes: Uint8Array) => void): void;
	/** How it ended: the WebSocket's close code (docs/consoles.md) and the reason given. */
	readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
	close(): void;
}

export interface ConsoleCalls {
	/** Sessions that the operator's party has agreed to. */
	list(state?: ConsoleView['state']): Promise<readonly ConsoleView[]>;
	end(id: string, reason: string): Promise<ConsoleView>;
	/** Opens a BMC's console, or gives the proxy's answer: a 202 when it waits. */
	open(bmc: string, path: string): Promise<OpenConsole | Answer>;
	/** Looks on at a session, or gives the proxy's answer. */
	watch(id: string): Promise<OpenConsole | Answer>;
}

type Ask = <S extends z.ZodType>(schema: S, call: Call) => Promise<z.infer<S>>;

export function createConsoleCalls(transport: Transport, ask: Ask): ConsoleCalls {
	const at = (id: string): string => `/p2c/v1/consoles/${encodeURIComponent(id)}`;
	return {
		async list(state) {
			const path = `/p2c/v1/consoles${state ? `?state=${state}` : ''}`;
			return (await ask(consoleList, { method: 'GET', path })).consoles;
		},
		end: (id, reason) => ask(consoleView, { method: 'DELETE', path: at(id), body: { reason } }),
		open: (bmc, path) => openSocket(transport, `/bmc/${encodeURIComponent(bmc)}${path}`),
		watch: id => openSocket(transport, `${at(id)}/watch`),
	};
}

function openSocket(transport: Transport, path: string): Promise<OpenConsole | Answer> {
	const { origin, headers, tls } = transport.socketOptions();
	const socket = new WebSocket(`${origin.replace(/^https/, 'wss')}${path}`, [], {
		...tls,
		headers,
		perMessageDeflate: false,
		followRedirects: false,
		maxPayload: 4 * 1024 * 1024,
		handshakeTimeout: 120_000,
	});
	const closed = new Promise<{ code: number; reason: string }>(resolve =>
		socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
	);
	return new Promise((resolve, reject) => {
		socket.once('unexpected-response', (request, response) => {
			transport
				.readAnswer(response)
				.then(resolve, reject)
				.finally(() => request.destroy());
		});
		socket.once('error', fault => reject(transport.explain(fault)));
		socket.once('open', () => {
			// A fault from now on is told by `closed`.
			socket.on('error', () => undefined);
			// Or else what comes with the answer would be gone before anybody listens.
			socket.pause();
			resolve({
				send: bytes => socket.send(bytes, { binary: true }),
				onData(take) {
					socket.on('message', data => take(data as Buffer));
					socket.resume();
				},
				closed,
				close: () => socket.close(1000),
			});
		});
	});
}
