// What arrives that is no request for a handler, and how answers are framed, over real TLS.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { createAuthority, type Identity, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { createTlsServer } from './listeners.ts';
import { inviteBody, readBody } from './read-body.ts';
import { writeAnswer } from './write-answer.ts';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

let authority: Identity;
let server: Server;
let port: number;
let handle: Handle = (_request, response) => void response.end();
let handled = 0;

test.before(async () => {
	const clock = systemClock;
	authority = await createAuthority({ name: 'test', clock });
	const own = await issueServerCertificate({ authority, names: ['localhost'], addresses: [], clock });
	const tls = { certificate: own.certificatePem, key: own.keyPem, partyRoots: [authority.certificatePem] };
	server = createTlsServer(
		tls,
		(request, response) => {
			handled++;
			handle(request, response);
		},
		(_request, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
	);
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	({ port } = server.address() as AddressInfo);
});
test.after.always(() => {
	server.closeAllConnections();
	server.close();
});
test.beforeEach(() => {
	handled = 0;
	handle = (_request, response) => void response.end();
});

/** Sends bytes and gives what came until the other side ended. */
async function exchange(bytes: string, options: ConnectionOptions = {}): Promise<string> {
	const { certificatePem: ca } = authority;
	const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options });
	let answer = '';
	socket.setEncoding('latin1').on('data', (chunk: string) => {
		answer += chunk;
	});
	socket.on('error', () => undefined);
	socket.once('secureConnect', () => socket.write(bytes, 'latin1'));
	await new Promise<void>(resolve => socket.once('close', () => resolve()));
	return answer;
}
const head = (method: string, more = '') =>
	`${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`;

for (const [what, bytes, status] of [
	['what is no HTTP', '\x16\x03\x01 hello\r\n\r\n', 400],
	['a bare line feed in the head', 'GET / HTTP/1.1\nHost: x\n\n', 400],
	['a header name with a space', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello', 400],
	[
		'two lengths that differ',
		'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
		400,
	],
	[
		'length and chunks at once',
		'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
		400,
	],
	[
		'a transfer coding that hides chunked',
		'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
		400,
	],
	['more headers than anybody needs', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
	['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 400],
	['a tunnel', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
] as const) {
	test.serial(`${what} is refused before any handler, and the connection ends`, async t => {
		t.regex(await exchange(bytes), new RegExp(`^HTTP/1\\.1 ${status} `));
		t.is(handled, 0);
	});
}

for (const [what, last] of [
	['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
	['a tunnel', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
]) {
	test.serial(
		`${what} before the answers to earlier requests is taken by nobody: that connection ends`,
		async t => {
			let answering: ServerResponse | undefined;
			handle = (_request, response) => {
				answering = response;
			};
			t.is(await exchange(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${last}`), '');
			t.is(handled, 1);
			t.true(answering?.destroyed);
		},
	);
}

test.serial(
	'what is no HTTP is refused after the answers to the requests before it, not instead of them',
	async t => {
		const waiting: ServerResponse[] = [];
		handle = (_request, response) => {
			waiting.push(response);
			if (waiting.length === 2) setImmediate(() => waiting.forEach((one, i) => void one.end(`answer ${i}`)));
		};
		const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
		const answer = await exchange(`${get}${get}NO HTTP AT ALL\r\n\r\n`);
		t.deepEqual(answer.match(/answer \d|HTTP\/1\.1 \d+/g), [
			...['HTTP/1.1 200', 'answer 0', 'HTTP/1.1 200', 'answer 1', 'HTTP/1.1 400'],
		]);
	},
);

test.serial(
	'a body that breaks is refused when nothing was answered, and cut off when something was',
	async t => {
		const broken = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n';
		handle = () => undefined;
		t.regex(await exchange(broken), /^HTTP\/1\.1 400 Bad Request\r\n/);
		handle = (_request, response) => void response.writeHead(200, { 'content-length': '100' }).write('half');
		const begun = await exchange(broken);
		// What had been written may be lost with the connection; nothing may follow it.
		t.regex(begun, /^(?:HTTP\/1\.1 200 OK\r\n(?:[^\r]*\r\n)*\r\n(?:half)?)?$/);
	},
);

test.serial(
	'the go-ahead for a body comes after earlier answers, and never after the head of its own',
	async t => {
		const waiting: (() => void)[] = [];
		handle = (request, response) => {
			inviteBody(request, response);
			if (request.method === 'GET') waiting.push(() => response.end('first'));
			else {
				// Answered at once, though it is not its turn.
				request.resume().on('end', () => {
					response.setHeader('Content-Length', '6').end(Buffer.from('second'));
					for (const answer of waiting) answer();
				});
			}
		};
		const post =
			'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx';
		const answer = await exchange(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${post}`);
		t.regex(
			answer,
			/first(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 OK\r\n(?:[\w-]+: [^\r]*\r\n)+\r\nsecond$/,
		);
	},
);

test.serial('HTTP/2 is not spoken, old TLS neither', async t => {
	t.is(await exchange(head('GET'), { ALPNProtocols: ['h2'] }), '');
	t.is(
		await exchange(head('GET'), {
			maxVersion: 'TLSv1.1',
			minVersion: 'TLSv1.1',
			ciphers: 'DEFAULT@SECLEVEL=0',
		}),
		'',
	);
	t.is(handled, 0);
	t.regex(await exchange(head('GET'), { ALPNProtocols: ['h2', 'http/1.1'] }), /^HTTP\/1\.1 200 /);
});

test.serial('an answer is framed by its body; HEAD, 204 and 304 have none', async t => {
	const body = Buffer.from('{"a":1}');
	const answered = async (method: string, status: number) => {
		handle = (request, response) => writeAnswer(request, response, { status, headers: { x: 'y' }, body });
		const answer = await exchange(head(method));
		return [/content-length: (\d+)/i.exec(answer)?.[1], answer.split('\r\n\r\n')[1]];
	};
	t.deepEqual(await answered('GET', 200), ['7', '{"a":1}']);
	t.deepEqual(await answered('HEAD', 200), ['7', '']);
	t.deepEqual(await answered('GET', 204), [undefined, '']);
	t.deepEqual(await answered('GET', 304), [undefined, '']);
});

test.serial('a body that was not read whole ends the connection, so that its rest is no request', async t => {
	handle = (request, response) =>
		writeAnswer(request, response, { status: 413, headers: {}, body: undefined });
	const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
	const bytes = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n${smuggled}`;
	const answer = await exchange(bytes);
	t.regex(answer, /^HTTP\/1\.1 413 /);
	t.regex(answer, /connection: close/i);
	t.is(handled, 1);
});

test.serial('an answer after one that has begun cuts it off', async t => {
	handle = (request, response) => {
		response.writeHead(200, { 'content-length': '100' });
		response.write('half');
		writeAnswer(request, response, { status: 500, headers: {}, body: Buffer.from('fault') });
	};
	const answer = await exchange(head('GET'));
	t.false(answer.includes('fault'));
	t.false(answer.includes('500'));
});

test.serial('a body is read up to one byte more than allowed', async t => {
	const lengths: number[] = [];
	handle = (request, response) => {
		readBody(request, 10).then(
			body => {
				lengths.push(body.length);
				writeAnswer(request, response, { status: 200, headers: {}, body: undefined });
			},
			() => response.destroy(),
		);
	};
	for (const length of [0, 1, 10, 11, 100_000]) {
		await exchange(head('POST', `Content-Length: ${length}\r\n`) + 'x'.repeat(length));
	}
	t.deepEqual(lengths, [0, 1, 10, 11, 11]);
});

test.serial('a client that breaks off in its body is noticed', async t => {
	let fault: Error | undefined;
	const noticed = new Promise<void>(resolve => {
		handle = request => {
			readBody(request, 1000).catch((thrown: Error) => {
				fault = thrown;
				resolve();
			});
		};
	});
	const socket = connect({ host: '127.0.0.1', port, ca: authority.certificatePem, servername: 'localhost' });
	await once(socket, 'secureConnect');
	socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf', () =>
		setImmediate(() => socket.destroy()),
	);
	await noticed;
	t.truthy(fault);
});
