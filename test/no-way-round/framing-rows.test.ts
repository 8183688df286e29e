// Where a request ends and what a connection is for. Each title names its row in docs/no-way-round.md.
import { connect } from 'node:tls';
import test from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { naiveSite, ownCredential } from './naive-site.ts';
import { understand } from './understood.ts';
import { basicLine, requestText, sendBytes } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const body = '{"ResetType":"ForceOff"}';
const who = basicLine('cp-operator');

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
	await site.at('cp-operator')('GET', system); // the proxy's log-in at the BMC is over
});
test.after.always(() => site?.close());

const port = () => Number(new URL(String(site.bmcUrls.node1)).port);
const send = (
	text: string | string[],
	expected = 1,
	more: { halfClose?: boolean; methods?: string[] } = {},
) => sendBytes(text, { port: port(), ca: site.ca, expected, ...more });
const posts = () => site.bmcs.node1.executed.filter(({ path }) => path === reset);

test.serial('row TE/CL and pipelining: nobody else’s bytes become a request', async t => {
	const smuggled = requestText(`POST ${reset}`, [], body);
	const head = (...lines: string[]) =>
		`${[`POST ${system}/LogServices/EventLog/Actions/LogService.ClearLog HTTP/1.1`, 'Host: x', who, ...lines].join('\r\n')}\r\n\r\n`;
	const before = posts().length;
	const heard = site.spies.node1.received().length;
	for (const lines of [
		['Transfer-Encoding: xchunked'],
		['Transfer-Encoding: chunked, identity'],
		['Transfer-Encoding: identity'],
		['Transfer-Encoding: gzip, chunked'],
		['Transfer-Encoding:\tchunked ', 'Content-Length: 4'],
		['Content-Length: 4', 'Transfer-Encoding: chunked'],
		['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
		['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
		['Content-Length: 0', `Content-Length: ${smuggled.length}`],
		['Content-Length: 4, 4'],
		['Content-Length: +4'],
		['Content-Length: 0x4'],
		['Content-Length: -1'],
		['Content-Length: 4 4'],
		['Transfer_Encoding: chunked', 'Content-Length: 4', 'Content-Length : 4'],
		[' Content-Length: 4'],
		['X: y', ' Transfer-Encoding: chunked'],
	]) {
		const { answers, closed } = await send(
			head('Content-Type: application/json', ...lines) + smuggled,
			Infinity,
		);
		t.is(answers.length, 1, lines.join(' | '));
		t.true(
			(answers[0]?.status ?? 0) >= 400 && (answers[0]?.status ?? 0) < 502,
			`${lines}: ${answers[0]?.status}`,
		);
		t.true(closed, `${lines}: a connection that is out of step ends`);
	}
	t.is(site.spies.node1.received().length, heard);
	t.is(posts().length, before);
	// What is framed well: a request smuggled into a body stays a body, and pipelined requests are decided one by one.
	const inBody = `${head('Content-Type: application/json', `Content-Length: ${smuggled.length}`)}${smuggled}`;
	const two = await send(inBody + requestText('GET /redfish/v1/Systems', [who]), 2);
	t.deepEqual(
		two.answers.map(({ status }) => status),
		[400, 200],
	);
	t.is(posts().length, before);
	const decided = site.records.length;
	const piped = await send(
		requestText(`GET ${system}`, [who]) + requestText(`POST ${reset}`, [who], body),
		2,
	);
	t.deepEqual(
		piped.answers.map(({ status }) => status),
		[200, 204],
	);
	t.is(site.records.slice(decided).filter(({ kind }) => kind === 'decision').length, 2);
	t.is(posts().length, before + 1);
	const chunked = `${head('Content-Type: application/json', 'Transfer-Encoding: chunked')}18;x=y\r\n${body}\r\n0\r\nX-Trailer: 7\r\n\r\n`;
	await send(chunked.replace(/^POST \S+/, `POST ${reset}`));
	t.is(posts().length, before + 2);
	const [{ requests, rest } = { requests: [], rest: Buffer.alloc(1) }] = site.spies.node1
		.take()
		.map(understand);
	t.is(rest.length, 0);
	t.false(requests.some(({ headers }) => headers.some(([name]) => name === 'transfer-encoding')));
	// A BMC reads no body after a coding that it does not know: what a proxy took for one is the next request.
	const naive = await naiveSite(t, 'tunnel', ({ url }) => url === reset);
	await naive.send(
		`POST ${system} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n${requestText(`POST ${reset}`, [ownCredential], body)}`,
		{ expected: 2 },
	);
	t.is(naive.bmc.powerState(), 'Off');
	const pipelined = await naiveSite(t, 'tunnel', ({ url }) => url === reset);
	await pipelined.send(
		requestText(`GET ${system}`, [ownCredential]) + requestText(`POST ${reset}`, [ownCredential], body),
		{ expected: 2 },
	);
	t.is(pipelined.bmc.powerState(), 'Off');
});

test.serial('row Upgrade: no protocol but the one in which requests are decided on', async t => {
	const heard = site.spies.node1.received().length;
	const tail = requestText(`POST ${reset}`, [who], body);
	for (const lines of [
		['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA'],
		[
			'Connection: Upgrade',
			'Upgrade: websocket',
			'Sec-WebSocket-Version: 13',
			'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
		],
		['Connection: upgrade', 'Upgrade: TLS/1.0'],
		['Connection: Upgrade', 'Upgrade: h2c, websocket'],
	]) {
		const { answers, text } = await send(requestText(`GET ${system}`, [who, ...lines]) + tail, Infinity);
		t.is(answers.length, 1, lines[1] as string);
		t.true((answers[0]?.status ?? 0) >= 400, `${lines[1]}: ${answers[0]?.status}`);
		t.notRegex(text, /101 Switching/);
	}
	// Without Connection: Upgrade it is an ordinary header (RFC 9110 §7.8), and is refused all the same.
	t.is((await send(requestText(`GET ${system}`, [who, 'Upgrade: h2c']))).answers[0]?.status, 400);
	t.is((await send(requestText('CONNECT node1:443', [who]))).answers[0]?.status, 405);
	t.is(site.spies.node1.received().length, heard);
	const naive = await naiveSite(t, 'tunnel', ({ url }) => url === reset);
	const h2c = requestText(`GET ${system}`, [ownCredential, 'Connection: Upgrade', 'Upgrade: h2c']);
	await naive.send([h2c, requestText(`POST ${reset}`, [ownCredential], body)], { expected: 2 });
	t.is(naive.bmc.powerState(), 'Off', 'through the tunnel goes whatever the client likes');
});

test.serial('row HTTP/2: HTTP/1.1 on both sides, whatever is offered', async t => {
	const socket = connect({
		host: '127.0.0.1',
		port: port(),
		ca: site.ca,
		servername: 'localhost',
		ALPNProtocols: ['h2', 'http/1.1'],
	});
	await new Promise(resolve => socket.once('secureConnect', resolve));
	t.is(socket.alpnProtocol, 'http/1.1');
	socket.destroy();
	const only = connect({
		host: '127.0.0.1',
		port: port(),
		ca: site.ca,
		servername: 'localhost',
		ALPNProtocols: ['h2'],
	});
	const fault = await new Promise<Error>(resolve => only.once('error', resolve));
	t.regex(fault.message, /no application protocol/i);
	const { answers, closed } = await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Infinity);
	t.true(closed);
	t.true(answers.every(({ status }) => status === 400));
});

test.serial('row Duplicate headers: what may come once comes once, or the request is refused', async t => {
	const heard = site.spies.node1.received().length;
	const twice = (line: string, other = line) => [line, other];
	for (const lines of [
		twice(who, basicLine('hso-operator')),
		twice(who),
		[who, ...twice('X-Auth-Token: a', 'X-Auth-Token: b')],
		[who, ...twice('Content-Type: application/json', 'content-type: text/plain')],
		[who, 'Host: other'],
		[who, ...twice('If-Match: "a"', 'If-Match: *')],
		[who, ...twice('If-None-Match: "a"', 'IF-NONE-MATCH: *')],
		[who, ...twice('Expect: 100-continue')],
		[who, ...twice('Cookie: a=b', 'Cookie: SESSION=c')],
		[who, ...twice('Origin: https://a', 'Origin: https://b')],
	]) {
		const { answers } = await send(requestText(`GET ${system}`, lines));
		t.is(answers[0]?.status, 400, lines.join(' | '));
	}
	t.is(site.spies.node1.received().length, heard);
	// Joined as node:http joins them, two tokens are not the one that the rule knows; the BMC takes the first.
	const revoked = 'token-of-somebody-revoked';
	const naive = await naiveSite(t, 'tunnel', ({ headers }) => headers['x-csrf'] === revoked);
	const one = requestText(`POST ${reset}`, [ownCredential, `X-Csrf: ${revoked}`], body);
	t.is((await naive.send(one)).answers[0]?.status, 403);
	await naive.send(
		requestText(`POST ${reset}`, [ownCredential, `X-Csrf: ${revoked}`, 'X-Csrf: other'], body),
	);
	t.is(naive.bmc.powerState(), 'Off');
});

test.serial('row Method override headers: the request line alone says what is asked', async t => {
	const heard = site.spies.node1.received().length;
	for (const line of [
		'X-HTTP-Method-Override: DELETE',
		'X-HTTP-Method: POST',
		'x-method-override: PATCH',
		'X-Original-URL: /redfish/v1/AccountService',
		'X-Rewrite-URL: /redfish/v1/AccountService',
		'X-Original-Method: DELETE',
	]) {
		const { answers } = await send(requestText(`GET ${system}`, [who, line]));
		t.is(answers[0]?.status, 400, line);
		t.regex(answers[0]?.body ?? '', /HeaderForbidden/);
	}
	t.is(site.spies.node1.received().length, heard);
	// bmcweb ignores them; a proxy that passes them on leaves it to the next BMC not to.
	const naive = await naiveSite(t, 'tunnel', ({ method }) => method === 'DELETE');
	const { answers } = await naive.send(
		requestText(`GET ${system}`, [ownCredential, 'X-HTTP-Method-Override: DELETE']),
	);
	t.is(answers[0]?.status, 200);
	t.is(naive.executed().at(-1)?.method, 'GET');
});

test.serial('row Encodings: no body is compressed, neither way', async t => {
	const heard = site.spies.node1.received().length;
	for (const coding of ['gzip', 'x-gzip', 'deflate', 'br', 'identity, gzip', 'aes128gcm']) {
		const text = requestText(`POST ${reset}`, [who, `Content-Encoding: ${coding}`], body);
		t.is((await send(text)).answers[0]?.status, 415, coding);
	}
	t.is(site.spies.node1.received().length, heard);
	t.is(
		(await send(requestText(`GET ${system}`, [who, 'Accept-Encoding: gzip, br']))).answers[0]?.headers[
			'content-encoding'
		],
		undefined,
	);
	const asked = site.spies.node1.received().match(/accept-encoding: .*/g) ?? [];
	t.true(
		asked.length > 0 && asked.every(line => line.trim() === 'accept-encoding: identity'),
		'what cannot be read cannot be filtered',
	);
	// A rule that believes the label finds no ResetType in what it cannot unpack; the BMC does not look at the label.
	const naive = await naiveSite(
		t,
		'http-proxy 1.18.1',
		({ headers }, text) => headers['content-encoding'] === undefined && /ForceOff/.test(text),
	);
	t.is((await naive.send(requestText(`POST ${reset}`, [], body))).answers[0]?.status, 403);
	await naive.send(requestText(`POST ${reset}`, ['Content-Encoding: gzip'], body));
	t.is(naive.bmc.powerState(), 'Off');
});

test.serial('row SSE: an Accept header opens no stream that nobody filters', async t => {
	const before = site.bmcs.node1.listeners();
	const { answers } = await send(requestText(`GET ${system}`, [who, 'Accept: text/event-stream']));
	t.is(answers[0]?.status, 200, 'a resource is a resource');
	t.is(answers[0]?.headers['content-type'], 'application/json');
	t.is(site.bmcs.node1.listeners(), before, 'the BMC is asked for no stream');
	// The log is forbidden behind the naive proxy; the stream of the same events is not.
	const naive = await naiveSite(t, 'httpxy', ({ url }) => url.includes('/LogServices/'));
	const listening = naive.send(
		requestText('GET /redfish/v1/EventService/SSE', ['Accept: text/event-stream']),
		{ expected: Infinity, until: /data: +"MessageId"/ },
	);
	while (naive.bmc.listeners() === 0) await new Promise(setImmediate);
	naive.bmc.press('ForceOff');
	t.regex((await listening).text, /data: +"MessageId"/);
});
