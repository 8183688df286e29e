import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { sendRaw, splitAnswers } from '../bmc/wire-client.ts';
import { createBodyReader } from './body-reader.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import { parseHead } from './request-head.ts';
import { parseTarget } from './target.ts';

/** A server that gives back what it understood. */
async function echo(t: ExecutionContext, options: { maxConnections?: number } = {}): Promise<HttpServer> {
	const server = await startHttpServer({
		host: '127.0.0.1',
		port: 0,
		clock: new FakeClock(),
		onFault: () => {},
		...options,
		handler: {
			admit: () => ({ bodyLimit: 1000, context: undefined }),
			answer(head, body) {
				if (head.target === '/throw') throw new Error('thrown on purpose');
				if (head.target === '/reject') return Promise.reject(new Error('rejected on purpose'));
				return { status: 200, headers: [], body: `${head.method} ${head.target} ${body.toString('latin1')}` };
			},
		},
	});
	t.teardown(() => server.close());
	return server;
}

const bodies = async (port: number, request: string, expected = 1) =>
	(await sendRaw(port, request, { expected })).answers.map(answer => answer.body);

test('requests in one stream are answered in order, however the bytes come', async t => {
	const server = await echo(t);
	const requests = [
		'GET /1 HTTP/1.1\r\nHost: x\r\n\r\n',
		'POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc',
		'POST /3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n',
		'GET /4 HTTP/1.1\r\nHost: x\r\n\r\n',
	];
	const expected = ['GET /1 ', 'POST /2 abc', 'POST /3 abcde', 'GET /4 '];
	t.deepEqual(await bodies(server.port, requests.join(''), 4), expected);
	await fc.assert(
		fc.asyncProperty(fc.array(fc.nat(requests.join('').length), { maxLength: 4 }), async cuts => {
			const stream = requests.join('');
			const socket = net.connect(server.port, '127.0.0.1');
			let text = '';
			socket.on('data', bytes => {
				text += bytes.toString('latin1');
			});
			socket.setNoDelay(true);
			const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
			for (let index = 1; index < at.length; index++) {
				await new Promise(resolve => socket.write(stream.slice(at[index - 1], at[index]), resolve));
			}
			await new Promise(resolve => socket.once('close', resolve).end());
			t.deepEqual(
				splitAnswers(text).map(answer => answer.body),
				expected,
			);
		}),
		{ numRuns: 30 },
	);
});

test('a body is the same however its chunks and its bytes are cut', t => {
	fc.assert(
		fc.property(
			fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 })),
			fc.array(fc.nat(400)),
			(parts, cuts) => {
				const chunks = parts.map(part =>
					Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
				);
				const wire = Buffer.concat([...chunks, Buffer.from('0\r\n\r\nREST')]);
				const reader = createBodyReader({ kind: 'chunked' }, 10_000);
				const at = [0, ...cuts.filter(cut => cut < wire.length).sort((a, b) => a - b), wire.length];
				for (let index = 1; index < at.length; index++) {
					const step = reader.push(wire.subarray(at[index - 1], at[index]));
					if (step.kind === 'bad') return false;
					if (step.kind === 'done') {
						const rest = Buffer.concat([step.rest, wire.subarray(at[index])]);
						return step.body.equals(Buffer.concat(parts)) && rest.toString() === 'REST';
					}
				}
				return false;
			},
		),
	);
	t.pass();
});

test('what cannot be framed safely ends the connection unanswered', async t => {
	const server = await echo(t);
	for (const lines of [
		'Content-Length: 1\r\nContent-Length: 1',
		'Content-Length: 1\r\nTransfer-Encoding: chunked',
		'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
		'Content-Length: -1',
		'Content-Length: 1001',
		'Content-Length : 1',
		'no colon',
		'X: \u0001',
	]) {
		const { text, closed } = await sendRaw(server.port, `POST / HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\nx`);
		t.is(text, '', lines);
		t.true(closed, lines);
	}
	const chunk = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
	for (const body of ['x\r\n', '-1\r\n', '3e9\r\n', '2\r\nabc\r\n', '1 1\r\n']) {
		t.is((await sendRaw(server.port, chunk + body)).text, '', body);
	}
});

test('an unknown transfer coding leaves its bytes for the next request', async t => {
	const server = await echo(t);
	const request =
		'POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n';
	t.deepEqual(await bodies(server.port, request, 2), ['POST /1 ', 'GET /2 ']);
});

test('a fault in a handler is a 500 for its client and nothing for others', async t => {
	const server = await echo(t);
	for (const path of ['/throw', '/reject']) {
		const { answers } = await sendRaw(server.port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
		t.is(answers[0]?.status, 500);
	}
	t.deepEqual(await bodies(server.port, 'GET /ok HTTP/1.1\r\nHost: x\r\n\r\n'), ['GET /ok ']);
});

test('connections over the limit are cut; one that ends makes room', async t => {
	const server = await echo(t, { maxConnections: 2 });
	const first = net.connect(server.port, '127.0.0.1');
	const second = net.connect(server.port, '127.0.0.1');
	for (const socket of [first, second]) await answered(socket);
	t.is((await sendRaw(server.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).text, '');
	await new Promise(resolve => first.once('close', resolve).end());
	t.deepEqual(await bodies(server.port, 'GET /3 HTTP/1.1\r\nHost: x\r\n\r\n'), ['GET /3 ']);
	second.destroy();
});

function answered(socket: net.Socket): Promise<void> {
	socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
	return new Promise(resolve => socket.once('data', () => resolve()));
}

test('no bytes whatever stop it from answering others', async t => {
	const server = await echo(t);
	const valid = 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
	const garbled = fc
		.tuple(fc.nat(valid.length), fc.nat(20), fc.uint8Array({ maxLength: 30 }))
		.map(([at, cut, bytes]) =>
			Buffer.concat([Buffer.from(valid.slice(0, at)), bytes, Buffer.from(valid.slice(at + cut))]),
		);
	await fc.assert(
		fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 600 }).map(Buffer.from), garbled), async bytes => {
			const socket = net.connect(server.port, '127.0.0.1');
			socket.on('error', () => {});
			await new Promise(resolve => socket.write(bytes, resolve));
			socket.resetAndDestroy();
			const answer = await bodies(server.port, 'GET /ok HTTP/1.1\r\nHost: x\r\n\r\n');
			return answer[0] === 'GET /ok ';
		}),
		{ numRuns: 150 },
	);
	t.pass();
});

test('parsing never throws, and takes nothing but what was sent', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
			const result = parseHead(`${text}\r\n\r\n`, 8192);
			if (result.kind === 'head') return result.length <= text.length + 4;
			return result.kind === 'bad';
		}),
	);
	fc.assert(
		fc.property(fc.webUrl({ withQueryParameters: true }), url => {
			const { pathname, host } = new URL(url);
			return parseTarget(url) === undefined && parseTarget(`//${host}${pathname}`)?.path === pathname;
		}),
	);
	t.pass();
});
