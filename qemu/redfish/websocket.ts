import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../common/clock.ts';
import { header, type RequestHead } from './request-head.ts';
import type { ConsoleSocket } from './socket-route.ts';

// As bmcweb has them: its buffer for a message, and the time without a word after which Boost.Beast gives up,
// half of which goes by before it asks with a ping.
const LARGEST_MESSAGE = 131_088;
const IDLE_MS = 300_000;

// What bmcweb puts into the answer that opens a WebSocket.
const SECURITY_HEADERS = [
	'Strict-Transport-Security: max-age=31536000; includeSubdomains; preload',
	'Pragma: no-cache',
	'Cache-Control: no-store, max-age=0',
	"Content-Security-Policy: default-src 'self'",
	'X-XSS-Protection: 1; mode=block',
	'X-Content-Type-Options: nosniff',
];

/** Answers a WebSocket handshake on a bare socket, 400 where it is none, and hands the open one on. */
export function acceptWebSocket(
	head: RequestHead,
	socket: Socket,
	rest: Buffer,
	clock: Clock,
	open: (opened: ConsoleSocket) => void,
): void {
	const server = new WebSocketServer({
		noServer: true,
		clientTracking: false,
		perMessageDeflate: false,
		maxPayload: LARGEST_MESSAGE,
		// Any token is given back, as there.
		handleProtocols: ([first]) => first ?? false,
	});
	server.on('headers', lines => lines.push(...SECURITY_HEADERS));
	const request = {
		method: head.method,
		url: head.target,
		headers: Object.fromEntries(
			[
				'upgrade',
				'connection',
				'sec-websocket-key',
				'sec-websocket-version',
				'sec-websocket-protocol',
			].flatMap(name => {
				const value = header(head, name);
				return value === undefined ? [] : [[name, value]];
			}),
		),
	} as unknown as IncomingMessage;
	server.handleUpgrade(request, socket, rest, ws => {
		ws.on('error', () => ws.terminate());
		let lastHeard = clock.now();
		let cancel: () => void = () => {};
		const watch = (): void => {
			cancel = clock.after(IDLE_MS / 2, () => {
				if (clock.now() - lastHeard >= IDLE_MS) return ws.terminate();
				ws.ping();
				watch();
			});
		};
		watch();
		const heard = (): void => {
			lastHeard = clock.now();
		};
		ws.on('pong', heard);
		ws.on('message', heard);
		ws.on('close', () => cancel());
		open({
			send(bytes, sent = () => undefined) {
				if (ws.readyState === ws.OPEN) ws.send(bytes, { binary: true }, sent);
				else sent();
			},
			onMessage: take => void ws.on('message', data => take(data as Buffer)),
			onClose: take => void ws.once('close', take),
			close: reason => ws.close(1000, reason),
		});
	});
}
