import fc from 'fast-check';
import { goodUploads, oddUploads, type UploadShape } from './upload-shapes.ts';
import { basicLine } from './wire.ts';

/** What one connection sends, and how. */
export interface Stream {
	/** Which of the site's doors: the main port, or a BMC's own. */
	readonly door: 'main' | 'node1' | 'node3';
	/** Latin-1: one character a byte. */
	readonly text: string;
	/** Where the bytes are cut into writes of their own, as fractions of the whole. */
	readonly cuts: readonly number[];
	/** Where it is cut besides, in bytes. */
	readonly breaks: readonly number[];
	/** What the client does after the last byte: asks for the end, ends its half, or breaks off at once. */
	readonly ending: 'ask' | 'half-close' | 'break-off';
}

const system = '/redfish/v1/Systems/system';
const reads = [
	'/redfish/v1',
	'/redfish/v1/Systems',
	system,
	`${system}/LogServices`,
	`${system}/LogServices/EventLog`,
	`${system}/LogServices/EventLog/Entries`,
	`${system}/LogServices/EventLog/Entries/1`,
	`${system}/Memory`,
	`${system}/Processors`,
	'/redfish/v1/Chassis',
	'/redfish/v1/Chassis/chassis',
	'/redfish/v1/Chassis/chassis/Sensors',
	'/redfish/v1/Managers',
	'/redfish/v1/Managers/bmc',
	'/redfish/v1/Managers/bmc/NetworkProtocol',
	'/redfish/v1/UpdateService',
	'/redfish/v1/AccountService',
	'/redfish/v1/EventService',
	'/redfish/v1/SessionService/Sessions',
	'/redfish/v1/TaskService/Tasks',
	'/redfish/v1/TaskService/TaskMonitors/0',
	'/redfish/v1/Unheard',
	'/redfish/v1/JsonSchemas/Chassis',
	'/redfish/v1/$metadata',
];
const changes = [
	`POST ${system}/Actions/ComputerSystem.Reset`,
	'POST /redfish/v1/Chassis/chassis/Actions/Chassis.Reset',
	`PATCH ${system}`,
	'PATCH /redfish/v1/Chassis/chassis',
	'PATCH /redfish/v1/EventService',
	'POST /redfish/v1/EventService/Actions/EventService.SubmitTestEvent',
	'POST /redfish/v1/Managers/bmc/Actions/Manager.Reset',
	`POST ${system}/LogServices/EventLog/Actions/LogService.ClearLog`,
	'POST /redfish/v1/SessionService/Sessions',
	'DELETE /redfish/v1/AccountService/Accounts/root',
	'PUT /redfish/v1/Managers/bmc',
	'POST /login',
];
const strange = [
	'OPTIONS *',
	'TRACE /redfish/v1',
	'CONNECT node1:443',
	'PRI *',
	`get ${system}`,
	`M-SEARCH ${system}`,
];

const mark = Buffer.from('\ufeff', 'utf8').toString('latin1');
const bodies = [
	'{"ResetType":"ForceRestart"}',
	'{"ResetType":"On"}',
	'{"AssetTag":"a"}',
	'{"AssetTag":"\\u0062","AssetTag":"c"}',
	'{"AssetTag":"d","\\u0041ssetTag":"e"}',
	'{"\\u0041ssetTag":"f"}',
	'{"AssetTag":"g","__proto__":{"AssetTag":"h"}}',
	'{"AssetTag":"\\ud83d\\ude00"}',
	'{"AssetTag":"\\ud83d"}',
	'{ "AssetTag" :\t"i" }\r\n',
	`${mark}{"AssetTag":"j"}`,
	'{"AssetTag":"\u00ff"}',
	Buffer.from('{"AssetTag":"é\u2028"}', 'utf8').toString('latin1'),
	'{"Boot":{"BootSourceOverrideTarget":"Pxe"}}',
	'{"Boot":{"BootSourceOverrideTarget":"Pxe"},"Boot":{}}',
	'{"LocationIndicatorActive":true}',
	'{"LocationIndicatorActive":true,"AssetTag":"k"}',
	'{"DeliveryRetryAttempts":2}',
	'{"DeliveryRetryAttempts":2.0}',
	'{"DeliveryRetryAttempts":2e0}',
	'{"DeliveryRetryAttempts":1e400}',
	'{"DeliveryRetryAttempts":12345678901234567890}',
	'{"Message":"m","Severity":"OK"}',
	'{"PowerMode":"Static","Boot.BootSourceOverrideTarget":"Hdd"}',
	'{}',
	'',
	'[]',
	'null',
	'{"AssetTag":',
	'{"AssetTag":"l",}',
	'{"AssetTag":"n"}{"AssetTag":"o"}',
	`${'{"a":'.repeat(12)}1${'}'.repeat(12)}`,
];

/** Each takes a target to another text that somebody may take for the same, or for another one. */
const respellings: readonly ((target: string) => string)[] = [
	target => `${target}/`,
	target => `${target}//`,
	target => `/${target}`,
	target => `//x${target}`,
	target => `https://localhost${target}`,
	target => `http://x:1${target}?x`,
	target => target.replace('/v1', '/V1'),
	target => target.replace('/v1/', '/v1//'),
	target => target.replace('/v1/', '/v1/./'),
	target => target.replace('/v1/', '/v1/Chassis/../'),
	target => target.replace('/v1/', '/v1/%2e%2e/v1/'),
	target => target.replace('s', '%73'),
	target => target.replace('/', '%2f'),
	target => target.replaceAll('/', '\\'),
	target => target.replace('/v1', '/v1;x=y'),
	target => `${target}#`,
	target => `${target}#/redfish/v1/Chassis`,
	target => `${target}?`,
	target => `${target}?only`,
	target => `${target}?$top=1`,
	target => `${target}?%24top=0&x=y`,
	target => `${target}?$top=1&%24top=2`,
	target => `${target}?$skip=1&$select=Name`,
	target => `${target}?$expand=*($levels=2)`,
	target => `${target}?$expand=.`,
	target => `${target}?%2524expand=.`,
	target => `${target}?a%00b`,
	target => `${target}%00`,
	target => `${target}%0d%0aX: y`,
	target => `${target}\u00e9`,
	target => `${target}\t`,
	target => target.toUpperCase(),
	target => target.slice(1),
	target => target.replace('/redfish', '/bmc/node2/redfish'),
	target => `/bmc/node1/bmc/node2${target}`,
	target => `/bmc/..${target}`,
	target => `/bmc/node1/..${target}`,
];

const lines = [
	'X-HTTP-Method-Override: DELETE',
	'X-Original-URL: /redfish/v1/AccountService',
	'Transfer-Encoding: chunked',
	'Transfer-Encoding: xchunked',
	'Transfer-Encoding: identity',
	'Transfer-Encoding : chunked',
	'transfer-encoding:\tchunked',
	'Transfer-Encoding: \u000bchunked',
	'Content-Length: 0',
	'Content-Length: 5',
	'content-length: 00005',
	'Content-Length: 5, 5',
	'Content-Length : 5',
	'X: y\r\n Content-Length: 7',
	'X: y\r\n\tTransfer-Encoding: chunked',
	'X: y\nContent-Length: 9',
	'X: y\rZ: a',
	'X\u0000: y',
	': y',
	'Expect: 100-continue',
	'Expect: 200-ok',
	'Connection: close',
	'Connection: keep-alive, Content-Length',
	'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
	'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
	'Upgrade: h2c',
	'If-Match: *',
	'If-Match: "x"',
	'If-None-Match: *',
	'If-None-Match: "x"',
	'Host: node1.test',
	'Host: node2',
	'X-Auth-Token: x',
	'Cookie: BMCWEB-SESSION=x',
	'Content-Type: text/plain',
	'Content-Type: application/json; charset=utf-16',
	'Content-Encoding: gzip',
	'Accept: text/event-stream',
	'Range: bytes=0-1',
	'TE: trailers',
	'Trailer: Content-Length',
	'Keep-Alive: timeout=1',
	`X-Long: ${'a'.repeat(9000)}`,
];

const framings = [
	'length',
	'length',
	'length',
	'length',
	'chunked',
	'chunks',
	'extension',
	'trailer',
	'short',
	'long',
	'both',
	'twice',
	'none',
	'bad-size',
] as const;

/** Header lines and bytes of a body framed in this way. */
function frame(how: (typeof framings)[number], body: string): { lines: readonly string[]; bytes: string } {
	const length = `Content-Length: ${body.length}`;
	const coding = 'Transfer-Encoding: chunked';
	const chunk = (text: string, extension = '') =>
		text === '' ? '' : `${text.length.toString(16)}${extension}\r\n${text}\r\n`;
	switch (how) {
		case 'length':
			return { lines: [length], bytes: body };
		case 'chunked':
			return { lines: [coding], bytes: `${chunk(body)}0\r\n\r\n` };
		case 'chunks':
			return { lines: [coding], bytes: `${[...body].map(one => chunk(one)).join('')}0\r\n\r\n` };
		case 'extension':
			return { lines: [coding], bytes: `${chunk(body, ';a="b\\"c";d')}000;e\r\n\r\n` };
		case 'trailer':
			return {
				lines: [coding, 'Trailer: X'],
				bytes: `${chunk(body)}0\r\nX: y\r\nAuthorization: Basic eDp5\r\n\r\n`,
			};
		case 'short':
			return { lines: [`Content-Length: ${Math.max(0, body.length - 3)}`], bytes: body };
		case 'long':
			return { lines: [`Content-Length: ${body.length + 20}`], bytes: body };
		case 'both':
			return { lines: [length, coding], bytes: `${chunk(body)}0\r\n\r\n` };
		case 'twice':
			return { lines: [length, `Content-Length: ${body.length + 1}`], bytes: body };
		case 'none':
			return { lines: [], bytes: body };
		case 'bad-size':
			return { lines: [coding], bytes: `${chunk(body).replace(/^/, '0x')}0\r\n\r\n` };
	}
}

const credentials = ['hso-operator', 'cp-operator', 'cp-operator', 'cp-two'].map(name => basicLine(name));

/** Changes with bodies that they take, so that many come through. */
const fitting: Readonly<Record<string, readonly string[]>> = {
	[`POST ${system}/Actions/ComputerSystem.Reset`]: bodies.slice(0, 2),
	'POST /redfish/v1/Chassis/chassis/Actions/Chassis.Reset': ['{"ResetType":"PowerCycle"}'],
	[`PATCH ${system}`]: bodies.filter(body => /^\{[^{]*"\S*ssetTag"/.test(body)),
	'PATCH /redfish/v1/EventService': ['{"DeliveryRetryAttempts":2}', '{"DeliveryRetryAttempts":5}'],
	'POST /redfish/v1/EventService/Actions/EventService.SubmitTestEvent': ['{"Message":"m","Severity":"OK"}'],
	'POST /redfish/v1/EventService/Subscriptions': [
		'{"Destination":"https://localhost:9/hook","Protocol":"Redfish","DeliveryRetryPolicy":"RetryForever"}',
	],
	'PATCH /redfish/v1/Chassis/chassis': [
		'{"LocationIndicatorActive":true}',
		'{"LocationIndicatorActive":false}',
	],
};
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

const upload = (
	shapes: readonly UploadShape[],
	how: readonly (typeof framings)[number][],
): fc.Arbitrary<Shape> =>
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
const handshake: fc.Arbitrary<Shape> = fc
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
const wellFormed: fc.Arbitrary<Shape> = fc.oneof(
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
/** A request with one thing wrong, or several. */
const odd: fc.Arbitrary<Shape> = fc
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

interface Shape {
	readonly start: string;
	readonly body: string;
	readonly who: string;
	readonly framing: (typeof framings)[number];
	readonly more: readonly string[];
	readonly respell: ((target: string) => string) | undefined;
	readonly version: string;
	/** '' for none. */
	readonly host: string;
	readonly contentType: string;
	/** Bytes after the request that belong to it. */
	readonly after?: string;
}

function render(shape: Shape, prefix: string, inner = ''): string {
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

interface Mutation {
	readonly at: number;
	readonly kind: 'drop' | 'double' | 'insert';
	readonly length: number;
	readonly bytes: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
	at: fc.double({ min: 0, max: 1, noNaN: true }),
	kind: fc.constantFrom('drop', 'double', 'insert'),
	length: fc.integer({ min: 1, max: 40 }),
	bytes: fc.constantFrom(
		'\r\n',
		'\r',
		'\n',
		'\r\n\r\n',
		' ',
		'\t',
		'\u0000',
		'0\r\n\r\n',
		':',
		'\u0080',
		'"',
		'{',
		'}',
		'GET / HTTP/1.1\r\n',
	),
});

function mutate(text: string, { at, kind, length, bytes }: Mutation): string {
	const from = Math.floor(at * text.length);
	const piece = text.slice(from, from + length);
	const put = kind === 'drop' ? '' : kind === 'double' ? piece + piece : bytes + piece;
	return text.slice(0, from) + put + text.slice(from + length);
}

/** Byte streams for one connection. */
const anyStream: fc.Arbitrary<Stream> = fc
	.record({
		door: fc.constantFrom('main', 'node1', 'node3'),
		prefix: fc.oneof(
			{ weight: 8, arbitrary: fc.constantFrom('/bmc/node1', '/bmc/node2') },
			{ weight: 1, arbitrary: fc.constantFrom('/bmc/node9', '', '/bmc', '/bmc/') },
		),
		/** All of its requests name a BMC by its host. */
		host: fc.constantFrom('localhost', 'localhost', 'localhost', 'node1.test', 'Node1.Test:8443'),
		shapes: fc.array(
			fc.record({
				shape: fc.oneof(
					{ weight: 6, arbitrary: wellFormed },
					{ weight: 2, arbitrary: odd },
					{ weight: 1, arbitrary: upload(oddUploads, framings) },
					{ weight: 2, arbitrary: handshake },
				),
				/** Its body is another request. */
				smuggled: fc.oneof(
					{ weight: 7, arbitrary: fc.constant(undefined) },
					{ weight: 1, arbitrary: wellFormed },
				),
			}),
			{ minLength: 1, maxLength: 4 },
		),
		mutations: fc.oneof(
			{ weight: 3, arbitrary: fc.constant<Mutation[]>([]) },
			{ weight: 1, arbitrary: fc.array(mutation, { maxLength: 2 }) },
		),
		cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
		ending: fc.constantFrom('ask', 'ask', 'ask', 'half-close', 'break-off'),
	})
	.map(({ door, prefix, host, shapes, mutations, cuts, ending }) => {
		const by = door === 'main' && host === 'localhost' ? prefix : '';
		const named = (shape: Shape): Shape =>
			door === 'main' && shape.host === 'localhost' ? { ...shape, host } : shape;
		const texts = shapes.map(({ shape, smuggled }) =>
			render(named(shape), by, smuggled && render(named(smuggled), by)),
		);
		// What comes with a handshake makes it none: most of what follows one comes later.
		const breaks = texts.flatMap((_, index) => {
			const { after } = shapes[index]?.shape ?? {};
			const end = texts.slice(0, index + 1).join('').length;
			return after === undefined ? [] : [end - after.length];
		});
		return { door, text: mutations.reduce(mutate, texts.join('')), cuts, breaks, ending } as Stream;
	});

/** A few connections at once. */
export const anyBatch: fc.Arbitrary<readonly Stream[]> = fc.array(anyStream, { minLength: 1, maxLength: 3 });

/** What policies look at: whether changes are let through depends on it. */
export const anyFacts: fc.Arbitrary<{ readonly up: number; readonly watts: number }> = fc.record({
	up: fc.constantFrom(8, 5),
	watts: fc.constantFrom(880, 1200),
});
