import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import {
	createAuthority,
	issueOperatorCertificate,
	issueServerCertificate,
} from '../../common/identity/site-ca.ts';
import { type BmcConnection, type BmcTarget, connectBmc } from './bmc-connection.ts';

/** Nothing takes as long, on the busiest machine. */
const limits = { timeout: 30_000, answer: 64 * 1024, connections: 4 };
const get = (target = '/redfish/v1/Systems/system') => ({
	method: 'GET',
	target,
	headers: {},
	body: undefined,
});

const target: BmcTarget = {
	name: 'node1',
	rack: 'rack1',
	url: '',
	ca: undefined,
	fingerprint: undefined,
	identity: undefined,
	username: 'root',
	password: 'secret-of-the-bmc',
};

function connect(t: ExecutionContext, port: number, timeout = limits.timeout): BmcConnection {
	const bmc = connectBmc({ ...target, url: `http://127.0.0.1:${port}` }, { ...limits, timeout });
	t.teardown(() => bmc.close());
	return bmc;
}

/** A BMC of which only the answer to anything but a log-in is interesting. */
async function startHttp(
	t: ExecutionContext,
	answer: (request: IncomingMessage, response: ServerResponse) => void,
) {
	const seen: { method: string; url: string; token: string | undefined }[] = [];
	let logins = 0;
	const server = createServer((request, response) => {
		if (request.url === '/redfish/v1/SessionService/Sessions' && request.method === 'POST') {
			logins++;
			response
				.writeHead(201, {
					'x-auth-token': `token${logins}`,
					location: '/redfish/v1/SessionService/Sessions/1',
				})
				.end('{}');
			return;
		}
		seen.push({
			method: request.method ?? '',
			url: request.url ?? '',
			token: request.headers['x-auth-token'] as string,
		});
		answer(request, response);
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	return { bmc: connect(t, (server.address() as AddressInfo).port), seen, logins: () => logins };
}

/** A BMC that logs in properly and then says whatever `raw` writes. */
async function startRaw(t: ExecutionContext, raw: (socket: Socket) => void, timeout = limits.timeout) {
	const sockets = new Set<Socket>();
	const server = createTcpServer(socket => {
		sockets.add(socket);
		socket.on('error', () => undefined);
		socket.on('data', data => {
			const login = data.includes('POST /redfish/v1/SessionService');
			if (login) socket.write('HTTP/1.1 201 Created\r\nX-Auth-Token: t\r\nContent-Length: 2\r\n\r\n{}');
			else raw(socket);
		});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return connect(t, (server.address() as AddressInfo).port, timeout);
}

const codeOf = async (t: ExecutionContext, work: Promise<unknown>): Promise<string | undefined> =>
	(await t.throwsAsync<BimetalError>(work))?.code;

test('it logs in once and sends its own token, whatever comes at once', async t => {
	const { bmc, seen, logins } = await startHttp(t, (_request, response) => response.end('{"a":1}'));
	await Promise.all([1, 2, 3, 4, 5].map(() => bmc.send(get())));
	t.is(logins(), 1);
	t.deepEqual(new Set(seen.map(({ token }) => token)), new Set(['token1']));
	t.is(bmc.state(), 'up');
	t.deepEqual(await bmc.read('/redfish/v1/Systems/system'), { a: 1 });
});

test('a session that the BMC has forgotten is opened anew, and the request sent once more', async t => {
	let forget = true;
	const { bmc, seen, logins } = await startHttp(t, (_request, response) => {
		response.statusCode = forget ? 401 : 204;
		forget = false;
		response.end();
	});
	t.is((await bmc.send({ ...get(), method: 'POST' })).status, 204);
	t.is(logins(), 2);
	t.deepEqual(
		seen.map(({ token }) => token),
		['token1', 'token2'],
	);
});

test('a BMC that keeps refusing the session cannot be reached: nothing was executed', async t => {
	const { bmc, seen } = await startHttp(t, (_request, response) => {
		response.statusCode = 401;
		response.end();
	});
	t.is(await codeOf(t, bmc.send(get())), 'BmcUnreachable');
	t.is(seen.length, 2);
});

test('nobody listening is unreachable, certainly without effect', async t => {
	const server = createTcpServer();
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	const { port } = server.address() as AddressInfo;
	await new Promise(resolve => server.close(resolve));
	const bmc = connect(t, port);
	t.is(await codeOf(t, bmc.send(get())), 'BmcUnreachable');
	t.is(bmc.state(), 'down');
});

test('silence is no answer: the request may have been executed', async t => {
	// Time enough to log in.
	const bmc = await startRaw(t, () => undefined, 2000);
	t.is(await codeOf(t, bmc.send(get())), 'BmcNoAnswer');
});

test('a connection that ends after the request is no answer', async t => {
	const bmc = await startRaw(t, socket => socket.destroy());
	t.is(await codeOf(t, bmc.send({ ...get(), method: 'POST' })), 'BmcNoAnswer');
});

test('what is not HTTP is garbage', async t => {
	const bmc = await startRaw(t, socket => socket.end('\u0000\u0001 no HTTP at all\r\n\r\n'));
	t.is(await codeOf(t, bmc.send(get())), 'BmcGarbage');
});

test('an answer larger than the limit is refused', async t => {
	const { bmc } = await startHttp(t, (_request, response) => response.end('x'.repeat(limits.answer + 1)));
	const fault = await t.throwsAsync(bmc.send(get()), { code: 'BmcGarbage' });
	t.regex(
		String(fault?.message),
		new RegExp(`more than ${limits.answer} bytes.*limits\\.answer`),
		'what to do',
	);
});

test('read refuses what is not 200 with JSON', async t => {
	const { bmc } = await startHttp(t, (request, response) => {
		if (request.url === '/redfish/v1/a') response.statusCode = 500;
		response.end(request.url === '/redfish/v1/b' ? '<html>' : '{}');
	});
	t.is(await codeOf(t, bmc.read('/redfish/v1/a')), 'BmcGarbage');
	t.is(await codeOf(t, bmc.read('/redfish/v1/b')), 'BmcGarbage');
});

/** The proxy side as far as `pass` sees it: a real server whose handler passes the answer on. */
async function passThrough(t: ExecutionContext, bmc: BmcConnection): Promise<string> {
	const server = createServer((_request, response) => {
		bmc
			.pass(get(), response, ({ headers }) => ({ 'x-seen': String(headers['x-secret'] !== undefined) }))
			.catch((fault: BimetalError) => {
				response.writeHead(fault.status).end(fault.code);
			});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('pass hands on status and bytes with the headers it is told, large answers as well', async t => {
	const large = 'y'.repeat(3_000_000);
	const { bmc } = await startHttp(t, (_request, response) =>
		response.writeHead(200, { 'x-secret': 'token' }).end(large),
	);
	const answer = await fetch(await passThrough(t, bmc));
	t.is(await answer.text(), large);
	t.is(answer.headers.get('x-seen'), 'true');
	t.is(answer.headers.get('x-secret'), null);
});

test('a BMC that breaks off within its first piece still becomes a 504', async t => {
	const bmc = await startRaw(t, socket => {
		socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":');
		setImmediate(() => socket.destroy());
	});
	const answer = await fetch(await passThrough(t, bmc));
	t.is(answer.status, 504);
	t.is(await answer.text(), 'BmcNoAnswer');
});

test('a client that goes away ends the exchange with the BMC, and the next client is served', async t => {
	const { bmc } = await startHttp(t, (_request, response) => {
		response.write('x'.repeat(100_000));
		response.write('x'.repeat(1_000_000));
		response.end();
	});
	const url = await passThrough(t, bmc);
	for (let i = 0; i < 8; i++) {
		const cut = new AbortController();
		const answer = await fetch(url, { signal: cut.signal });
		cut.abort();
		await t.throwsAsync(answer.text(), { any: true }); // Node 20's DOMException is no native error
	}
	t.is((await (await fetch(url)).text()).length, 1_100_000);
});

test('TLS both ways: the BMC is checked by its authority or its pin, and is shown the proxy’s certificate', async t => {
	const clock = systemClock;
	const authority = await createAuthority({ name: 'site', clock });
	const other = await createAuthority({ name: 'other', clock });
	const own = await issueServerCertificate({
		authority,
		names: ['localhost'],
		addresses: ['127.0.0.1'],
		clock,
	});
	const client = await issueOperatorCertificate({
		partyAuthority: authority,
		operator: { name: 'proxy', party: 'site' },
		clock,
	});
	const server = createTlsServer(
		{
			key: own.keyPem,
			cert: own.certificatePem,
			ca: authority.certificatePem,
			requestCert: true,
			rejectUnauthorized: true,
		},
		(request, response) => {
			const isLogin = request.method === 'POST';
			response.writeHead(isLogin ? 201 : 200, isLogin ? { 'x-auth-token': 't' } : {}).end('{}');
		},
	);
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	t.teardown(() => {
		server.closeAllConnections();
		server.close();
	});
	const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const identity = { certificate: client.certificatePem, key: client.keyPem };
	const fingerprint = new X509Certificate(own.certificatePem).fingerprint256
		.replaceAll(':', '')
		.toLowerCase();
	const right = { ...target, url, ca: authority.certificatePem, identity };
	const ask = (changes: Partial<BmcTarget>) => {
		const bmc = connectBmc({ ...right, ...changes }, limits);
		t.teardown(() => bmc.close());
		return bmc.send(get());
	};
	t.is((await ask({})).status, 200);
	t.is((await ask({ fingerprint })).status, 200);
	t.is(await codeOf(t, ask({ fingerprint: 'ab'.repeat(32) })), 'BmcUnreachable');
	t.is((await ask({ fingerprint, ca: undefined })).status, 200, 'the pin alone is enough');
	t.is(await codeOf(t, ask({ fingerprint: 'ab'.repeat(32), ca: undefined })), 'BmcUnreachable');
	t.is(await codeOf(t, ask({ ca: undefined })), 'BmcUnreachable');
	t.is(await codeOf(t, ask({ fingerprint, ca: other.certificatePem })), 'BmcUnreachable');
	t.is(await codeOf(t, ask({ ca: other.certificatePem })), 'BmcUnreachable');
	await t.throwsAsync(ask({ identity: undefined }));
});

test('pass writes nothing of a page of a collection, in one piece or in many; what is none it passes on', async t => {
	const link = ',"Members@odata.nextLink":"/redfish/v1/x?page=1"';
	const bodies = new Map<string, { text: string; isPage: boolean }>();
	for (const size of [10, 5000, limits.answer + 5000]) {
		for (const next of ['', link]) {
			const text = `{"Members":[${'{},'.repeat(size / 3)}{}]${next}}`;
			// One that is too large to be gathered is passed on as far as it goes.
			bodies.set(`/${bodies.size}`, { text, isPage: next !== '' && text.length <= limits.answer });
		}
	}
	bodies.set('/text', { text: `"Members@odata.nextLink"${link}`, isPage: false });
	const { bmc } = await startHttp(t, async (request, response) => {
		const { text = '' } = bodies.get(request.url ?? '') ?? {};
		response.setHeader('content-type', request.url === '/text' ? 'text/plain' : 'application/json');
		for (let at = 0; at < text.length; at += 1000) {
			response.write(text.slice(at, at + 1000));
			await new Promise(setImmediate);
		}
		response.end();
	});
	for (const [target, { text, isPage }] of bodies) {
		const server = createServer((_request, response) => {
			bmc
				.pass({ ...get(), target }, response, () => ({}))
				.then(
					done => done.isPage && response.writeHead(299).end(),
					() => response.writeHead(500).end(),
				);
		});
		await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
		const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
		t.is(answer.status, isPage ? 299 : 200, `${target}: ${text.length} bytes`);
		t.is(await answer.text(), isPage ? '' : text);
		server.closeAllConnections();
		server.close();
	}
});
