import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** One answer as it stood on the wire. */
export interface WireAnswer {
	readonly status: number;
	/** Names in lower case; several of one name are joined. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
}

export interface Received {
	readonly answers: readonly WireAnswer[];
	/** Every byte that came, one character each. */
	readonly text: string;
	/** The other side ended the connection. */
	readonly closed: boolean;
}

export interface SendOptions {
	readonly port: number;
	/** PEM of the authority of a TLS server; plain TCP without. */
	readonly ca?: string;
	/** Answers to wait for; Infinity waits for the end of the connection. */
	readonly expected?: number;
	/** What need not come to an end: it is enough when this has come. */
	readonly until?: RegExp;
	/** Methods in the order of the requests: an answer to HEAD has no body. */
	readonly methods?: readonly string[];
	/** Ends the own half of the connection after the last byte. */
	readonly halfClose?: boolean;
	/** Milliseconds after which nothing more is waited for. */
	readonly patience?: number;
}

/**
 * Sends bytes as they are, each piece in a write of its own, and gives what came back: for requests that no
 * HTTP client would send. Ends with what is expected, the end of the connection, or `patience`.
 */
export async function sendBytes(
	pieces: string | Buffer | readonly (string | Buffer)[],
	options: SendOptions,
): Promise<Received> {
	const { port, ca, expected = 1, until, methods = [], patience = 20_000 } = options;
	const host = '127.0.0.1';
	const socket: Socket = ca
		? connectTls({ host, port, ca, servername: 'localhost' })
		: connectPlain({ host, port });
	socket.setNoDelay(true);
	let text = '';
	let closed = false;
	const ended = new Promise<void>(resolve => {
		const timer = setTimeout(() => resolve(), patience);
		const finish = () => {
			clearTimeout(timer);
			resolve();
		};
		socket.on('data', (bytes: Buffer) => {
			text += bytes.toString('latin1');
			if (until?.test(text) || splitAnswers(text, methods).length >= expected) finish();
		});
		socket.on('error', () => undefined);
		socket.on('close', () => {
			closed = true;
			finish();
		});
	});
	const list = typeof pieces === 'string' || Buffer.isBuffer(pieces) ? [pieces] : pieces;
	for (const [index, piece] of list.entries()) {
		if (socket.destroyed) break;
		socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
		// One turn between pieces, so that they come apart.
		if (index < list.length - 1) await new Promise(setImmediate);
	}
	if (options.halfClose) socket.end();
	await ended;
	socket.destroy();
	return { answers: splitAnswers(text, methods), text, closed };
}

/** The complete answers in a piece of wire text; interim ones (RFC 9110 §15.2) are left out. */
function splitAnswers(text: string, methods: readonly string[] = []): WireAnswer[] {
	const answers: WireAnswer[] = [];
	let rest = text;
	for (;;) {
		const end = rest.indexOf('\r\n\r\n');
		if (end < 0) return answers;
		const [start = '', ...lines] = rest.slice(0, end).split('\r\n');
		const status = Number(start.split(' ')[1]);
		const headers: Record<string, string> = {};
		for (const line of lines) {
			const colon = line.indexOf(':');
			const name = line.slice(0, colon).toLowerCase();
			const value = line.slice(colon + 1).trim();
			headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
		}
		rest = rest.slice(end + 4);
		if (status === 101) {
			// What follows is no HTTP.
			answers.push({ status, headers, body: '' });
			return answers;
		}
		if (status >= 100 && status < 200) continue;
		if (headers['content-type']?.startsWith('text/event-stream')) {
			// It goes on for as long as the client stays.
			answers.push({ status, headers, body: rest });
			return answers;
		}
		// No body here begins like this: a status line follows where the length is that of a body not sent to HEAD.
		const isHead = methods[answers.length] === 'HEAD' || rest.startsWith('HTTP/1.1 ');
		const isBodiless = status === 204 || status === 304 || isHead;
		const body = isBodiless ? { bytes: '', length: 0 } : takeBody(rest, headers);
		if (!body) return answers;
		rest = rest.slice(body.length);
		answers.push({ status, headers, body: Buffer.from(body.bytes, 'latin1').toString('utf8') });
	}
}

function takeBody(
	rest: string,
	headers: Readonly<Record<string, string>>,
): { bytes: string; length: number } | undefined {
	if (headers['transfer-encoding'] !== 'chunked') {
		const length = Number(headers['content-length'] ?? 0);
		return rest.length < length ? undefined : { bytes: rest.slice(0, length), length };
	}
	let bytes = '';
	for (let at = 0; ; ) {
		const end = rest.indexOf('\r\n', at);
		if (end < 0) return undefined;
		const size = Number.parseInt(rest.slice(at, end), 16);
		if (rest.length < end + 2 + size + 2) return undefined;
		bytes += rest.slice(end + 2, end + 2 + size);
		at = end + 2 + size + 2;
		if (size === 0) return { bytes, length: at };
	}
}

/** `Authorization: Basic …` of an operator of the tests, whose password is `pw-<name>` unless given. */
export const basicLine = (name: string, password = `pw-${name}`): string =>
	`Authorization: Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** A request as text: head lines, a blank line, the body with its length where there is one. */
export function requestText(
	start: string,
	lines: readonly string[] = [],
	body?: string | { readonly json: string },
): string {
	const bytes = body === undefined ? undefined : typeof body === 'string' ? body : body.json;
	const framing =
		bytes === undefined
			? []
			: ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(bytes, 'latin1')}`];
	return `${[`${start} HTTP/1.1`, 'Host: localhost', ...lines, ...framing].join('\r\n')}\r\n\r\n${bytes ?? ''}`;
}
