import type { ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { credentialOf, type Identified } from './ask.ts';

/** A handshake's outcome as a client sees it: an answer like any request's, or an open socket. */
export interface Handshaken {
	/** 101 when it opened. */
	readonly status: number;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	readonly json: any;
	/** Throws when it did not open. */
	readonly socket: WebSocket;
	/** Waits until what has come, and was not taken before, fits; and takes it. */
	until(fits: string | ((seen: Buffer) => boolean)): Promise<Buffer>;
	/** Everything that has come and was not taken. */
	seen(): Buffer;
	readonly closed: Promise<{ code: number; reason: string }>;
}

/** Opens a WebSocket as somebody, and ends it with the test. */
export function openConsole(
	t: Pick<ExecutionContext, 'teardown'>,
	ca: string,
	who: Identified,
	url: string,
	headers: Record<string, string> = {},
): Promise<Handshaken> {
	const certificate = typeof who === 'object' && who !== null && 'cert' in who ? who : {};
	const socket = new WebSocket(url.replace(/^http/, 'ws'), [], {
		ca,
		...certificate,
		headers: { ...credentialOf(who), ...headers },
		perMessageDeflate: false,
	});
	t.teardown(() => socket.terminate());
	let seen: Buffer = Buffer.alloc(0);
	let wake: () => void = () => undefined;
	socket.on('message', (data: Buffer) => {
		seen = Buffer.concat([seen, data]);
		wake();
	});
	const closed = new Promise<{ code: number; reason: string }>(resolve =>
		socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
	);
	const until = async (fits: string | ((seen: Buffer) => boolean)): Promise<Buffer> => {
		const done = typeof fits === 'string' ? (bytes: Buffer) => bytes.includes(fits) : fits;
		while (!done(seen)) {
			await new Promise<void>(resolve => {
				wake = resolve;
			});
		}
		const taken = seen;
		seen = Buffer.alloc(0);
		return taken;
	};
	const common = { until, seen: () => seen, closed };
	return new Promise((resolve, reject) => {
		socket.on('open', () => resolve({ ...common, status: 101, headers: {}, json: undefined, socket }));
		socket.on('unexpected-response', (request, response) => {
			const chunks: Buffer[] = [];
			response.on('data', (chunk: Buffer) => chunks.push(chunk));
			response.on('end', () => {
				const text = Buffer.concat(chunks).toString();
				request.destroy();
				const { statusCode: status = 0, headers: answered } = response;
				resolve({
					...common,
					status,
					headers: answered,
					json: text === '' ? undefined : JSON.parse(text),
					get socket(): WebSocket {
						throw new Error(`it did not open: ${status} ${text}`);
					},
				});
			});
		});
		socket.on('error', reject);
	});
}
