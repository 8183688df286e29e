import fc from 'fast-check';
import { type Framing, frame, framings } from './framings.ts';
import { goodUploads, oddUploads, type UploadShape } from './upload-shapes.ts';
import { bodies, changes, fitting, lines, reads, respellings, strange } from './vocabulary.ts';
import { basicLine } from './wire.ts';

/** One request, before it is bytes. */
export interface Shape {
	readonly start: string;
	readonly body: string;
	readonly who: string;
	readonly framing: Framing;
	readonly more: readonly string[];
	readonly respell: ((target: string) => string) | undefined;
	readonly version: string;
	/** '' for none. */
	readonly host: string;
	readonly contentType: string;
	/** Bytes after the request that belong to it. */
	readonly after?: string;
}

/** Its bytes; `inner` is a body in place of its own. */
export function render(shape: Shape, prefix: string, inner = ''): string {
	const space = shape.start.indexOf(' ');
	const [method, plain] = [shape.start.slice(0, space), shape.start.slice(space + 1)];
	const prefixed = plain.startsWith('/') ? prefix + plain : plain;
	const target = shape.respell ? shape.respell(prefixed) : prefixed;
	const carries =
		/^(POST|PATCH|PUT|DELETE)$/.test(method) && !(method === 'DELETE' && shape.framing === 'length');
	const framed = carries ? frame(shape.framing, inner || shape.body) : { lines: [], bytes: '' };
	const head = [
		`${method} ${target} ${shape.version}`,
		shape.host && `Host: ${shape.host}`,
		shape.who,
		carries && `Content-Type: ${shape.contentType}`,
		...framed.lines,
		...shape.more,
	].filter(line => line);
	return `${head.join('\r\n')}\r\n\r\n${framed.bytes}${shape.after ?? ''}`;
}

const credentials = ['hso-operator', 'cp-operator', 'cp-operator', 'cp-two'].map(name => basicLine(name));
const plain = {
	framing: 'length',
	more: [],
	respell: undefined,
	version: 'HTTP/1.1',
	host: 'localhost',
	contentType: 'application/json',
} as const;

/** The senders of the tags are shown them before: see `withTags`. */
const tags = ['hso-operator', 'cp-operator'].map(who => `If-Match: {tag of ${who}}`);
const uploadFramings = ['length', 'length', 'chunked', 'extension', 'trailer'] as const;

/** The go-ahead is waited for by nobody here: bodies come at once, as they may (RFC 9110 §10.1.1). */
const expectation = 'Expect: 100-continue';

const upload = (shapes: readonly UploadShape[], how: readonly Framing[]): fc.Arbitrary<Shape> =>
	fc
		.record({
			shape: fc.constantFrom(...shapes),
			who: fc.constantFrom(...credentials),
			framing: fc.constantFrom(...how),
			more: fc.constantFrom<readonly string[]>([], [], [expectation]),
		})
		.map(({ shape, ...rest }) => ({ ...plain, ...shape, ...rest }));

/** A text frame (RFC 6455 §5.2) under a mask of zeros: what it says stands in it as it is. */
const frameOf = (text: string): string => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`;
const sockets = ['/console0', '/console0', '/console0', '/console/default', '/kvm/0', '/vm/0/0', '/nbd/0'];
const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
const goodHandshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key];
const handshakes: readonly (readonly string[])[] = [
	goodHandshake,
	goodHandshake,
	goodHandshake,
	[...goodHandshake, 'Sec-WebSocket-Protocol: binary'],
	[...goodHandshake, 'Sec-WebSocket-Protocol: x'],
	[...goodHandshake, 'Sec-WebSocket-Extensions: permessage-deflate'],
	[...goodHandshake, 'Content-Length: 10'],
	[...goodHandshake, 'Transfer-Encoding: chunked'],
	[...goodHandshake, expectation],
	[...goodHandshake, 'If-Match: *'],
	[...goodHandshake, 'Origin: https://x'],
	[...goodHandshake, key],
	['Connection: Upgrade, Transfer-Encoding', ...goodHandshake.slice(1)],
	['Connection: keep-alive', ...goodHandshake.slice(1)],
	['Connection: Upgrade', 'Upgrade: h2c, websocket', ...goodHandshake.slice(2)],
	['Connection: Upgrade', 'Upgrade: TLS/1.0', ...goodHandshake.slice(2)],
	['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 8', key],
];
/** A handshake, and what may follow it: frames, or bytes that are a request to whoever took no WebSocket. */
export const handshake: fc.Arbitrary<Shape> = fc
	.record({
		path: fc.oneof(
			{ weight: 3, arbitrary: fc.constantFrom(...sockets) },
			{
				weight: 1,
				arbitrary: fc.constantFrom(...reads, '/p2c/v1/consoles/x/watch', '//console0', '/console0?x'),
			},
		),
		method: fc.constantFrom('GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'POST', 'CONNECT'),
		version: fc.constantFrom(
			'HTTP/1.1',
			'HTTP/1.1',
			'HTTP/1.1',
			'HTTP/1.1',
			'HTTP/1.1',
			'HTTP/1.1',
			'HTTP/1.0',
		),
		who: fc.constantFrom(...credentials, ...credentials, ''),
		more: fc.oneof(fc.constant(goodHandshake), fc.constantFrom(...handshakes)),
		after: fc.constantFrom(
			'',
			'',
			'',
			frameOf('x'),
			frameOf('ls\n'),
			frameOf('a') + frameOf('GET /redfish/v1/Managers HTTP/1.1'),
			'\x88\x80\0\0\0\0',
			'\x81\x02hi',
			'\x89\xff\xff\xff\xff\xff\xff\xff\xff\xff',
			'POST /redfish/v1/Managers/bmc/Actions/Manager.Reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
		),
	})
	.map(({ path, method, ...rest }) => ({ ...plain, ...rest, start: `${method} ${path}`, body: '' }));

/** A request as a client would write it. */
export const wellFormed: fc.Arbitrary<Shape> = fc.oneof(
	fc
		.record({
			start: fc.constantFrom(...reads),
			head: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
			who: fc.constantFrom(...credentials),
		})
		.map(({ start, head, who }) => ({ ...plain, start: `${head} ${start}`, body: '', who })),
	fc
		.constantFrom(...Object.entries(fitting))
		.chain(([start, fit]) =>
			fc.record({
				start: fc.constant(start),
				body: fc.constantFrom(...fit),
				who: fc.constantFrom(...credentials),
				framing: fc.constantFrom(
					'length',
					'length',
					'chunked',
					'chunks',
					'extension',
					'trailer',
				) as fc.Arbitrary<Shape['framing']>,
				more: fc.constantFrom<readonly string[]>([], [], [], [expectation], ...tags.map(tag => [tag])),
			}),
		)
		.map(shape => ({ ...plain, ...shape })),
	upload(goodUploads, uploadFramings),
);
/** An image, or what is none, that is framed in any way. */
export const oddUpload = upload(oddUploads, framings);
/** A request with one thing wrong, or several. */
export const odd: fc.Arbitrary<Shape> = fc
	.record({
		start: fc.oneof(
			fc.constantFrom(...reads).map(target => `GET ${target}`),
			fc.constantFrom(...changes),
			fc.constantFrom(...changes),
			fc.constantFrom(...strange),
			fc.constantFrom(...reads).map(target => `DELETE ${target}`),
		),
		body: fc.constantFrom(...bodies),
		who: fc.oneof(
			{ weight: 8, arbitrary: fc.constantFrom(...credentials) },
			{ weight: 1, arbitrary: fc.constant('') },
		),
		framing: fc.constantFrom(...framings),
		more: fc.subarray(lines, { maxLength: 2 }),
		respell: fc.option(fc.constantFrom(...respellings), { nil: undefined }),
		version: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/1.1 ', 'http/1.1', ''),
		host: fc.constantFrom(
			'',
			'node1.test',
			'NODE1.TEST:443',
			'node1.test.',
			'node2.test',
			'node1.test:x',
			'x@node1.test',
		),
		/** Which of them are in force. */
		oddities: fc.subarray(['framing', 'more', 'respell', 'version', 'host', 'body'], {
			minLength: 1,
			maxLength: 3,
		}),
	})
	.map(({ oddities, ...all }) => {
		const fit = fitting[all.start]?.[0];
		const kept: Shape = { ...plain, start: all.start, who: all.who, body: fit ?? all.body };
		const chosen = oddities.map(name => [name, all[name as keyof typeof all]]);
		return { ...kept, ...Object.fromEntries(chosen) };
	});
