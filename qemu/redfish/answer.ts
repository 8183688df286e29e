import type { Socket } from 'node:net';

/** One HTTP answer before it is put on the wire. */
export interface Answer {
	readonly status: number;
	/** Headers of the route and handler, which stand first. */
	readonly headers: readonly (readonly [string, string])[];
	readonly etag?: string | undefined;
	readonly contentType?: string | undefined;
	/** Text goes out as UTF-8. */
	readonly body?: string | Buffer | undefined;
	/** Only the status and these headers go out: no security headers, no Date. */
	readonly bare?: boolean;
	/** The connection ends after it. */
	readonly close?: boolean;
}

/** An answer that goes on for as long as the client stays: server-sent events. */
export interface Stream {
	readonly stream: true;
	readonly head: string;
	/** Called once the head is out; the returned function is called when the client has gone. `end` hangs up on it. */
	open(send: (text: string) => void, end: () => void): () => void;
}

/** Bytes as they are, and then the end of the connection: how a faulty BMC answers. */
export interface RawAnswer {
	readonly raw: Buffer;
}

/** From here on the connection speaks another protocol: whoever takes the socket answers by itself. */
export interface UpgradeAnswer {
	/** `rest` is what has come after the head of the request. */
	upgrade(socket: Socket, rest: Buffer): void;
}

export type AnyAnswer = Answer | Stream | RawAnswer | UpgradeAnswer;

const REASONS: Readonly<Record<number, string>> = {
	200: 'OK',
	201: 'Created',
	202: 'Accepted',
	204: 'No Content',
	304: 'Not Modified',
	400: 'Bad Request',
	401: 'Unauthorized',
	403: 'Forbidden',
	404: 'Not Found',
	405: 'Method Not Allowed',
	409: 'Conflict',
	412: 'Precondition Failed',
	413: 'Payload Too Large',
	415: 'Unsupported Media Type',
	431: 'Request Header Fields Too Large',
	500: 'Internal Server Error',
	501: 'Not Implemented',
	503: 'Service Unavailable',
};

// As bmcweb sends them with every answer, in its order.
const SECURITY_HEADERS =
	'Strict-Transport-Security: max-age=31536000; includeSubdomains\r\n' +
	'Pragma: no-cache\r\n' +
	'Cache-Control: no-store, max-age=0\r\n' +
	'X-Content-Type-Options: nosniff\r\n';

interface Wire {
	readonly before: string;
	readonly after: string;
}

/** Turns answers into wire text (one character a byte); answers that stay the same are put together once. */
export function createRenderer(now: () => number): (answer: Answer, close: boolean) => string {
	const wires = new WeakMap<Answer, Wire>();
	let second = -1;
	let date = '';
	return (answer, close) => {
		const at = Math.floor(now() / 1000);
		if (at !== second) {
			second = at;
			date = `Date: ${new Date(at * 1000).toUTCString()}\r\n`;
		}
		let wire = wires.get(answer);
		if (!wire) {
			wire = renderParts(answer);
			wires.set(answer, wire);
		}
		const connection = close && !answer.bare ? 'Connection: close\r\n' : '';
		return `${wire.before}${connection}${answer.bare ? '' : SECURITY_HEADERS}${answer.etag ? `ETag: ${answer.etag}\r\n` : ''}${
			answer.contentType ? `Content-Type: ${answer.contentType}\r\n` : ''
		}${answer.bare ? '' : date}${wire.after}`;
	};
}

function renderParts(answer: Answer): Wire {
	let before = `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? 'Unknown'}\r\n`;
	for (const [name, value] of answer.headers) before += `${name}: ${oneLine(value)}\r\n`;
	const body = answer.body === undefined ? '' : toBytes(answer.body);
	return { before, after: `Content-Length: ${body.length}\r\n\r\n${body}` };
}

/** What came from a client (an account's name in Location) must not start a header of its own. */
function oneLine(value: string): string {
	return toBytes(value).replace(/[\r\n\0]/g, ' ');
}

function toBytes(body: string | Buffer): string {
	return (typeof body === 'string' ? Buffer.from(body, 'utf8') : body).toString('latin1');
}
