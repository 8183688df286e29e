// BMCs that turn on their proxy: what of their answers gets through, and to whom.
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { type HostileBmc, startHostileBmc } from './hostile-bmc.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const reset = `${system}/Actions/ComputerSystem.Reset`;

let site: TestProxy;
let bmc: HostileBmc;
test.before(async () => {
	bmc = await startHostileBmc();
	site = await startTestProxy({ bmcTimeout: 2000, target: { node1: bmc.url } });
});
test.after.always(async () => {
	await site?.close();
	await bmc?.close();
});

const json = (body: string, lines: readonly string[] = []): string =>
	[
		'HTTP/1.1 200 OK',
		'Content-Type: application/json',
		...lines,
		`Content-Length: ${Buffer.byteLength(body)}`,
		'',
		body,
	].join('\r\n');
const whole =
	'{"@odata.id":"/redfish/v1/Systems/system","@odata.type":"#ComputerSystem.v1_0_0.ComputerSystem"}';
/** Passed on as it comes, filtered, and with links rewritten. */
const ways = () =>
	Promise.all([
		site.at('cp-operator')('GET', system),
		site.at('cp-operator')('GET', chassis),
		site.ask('cp-operator', 'GET', `/bmc/node1${system}`),
	]);

test.serial('headers of a BMC do not reach a client, but those that are listed', async t => {
	bmc.answer = () =>
		json(whole, [
			'Set-Cookie: SESSION=x',
			'X-Auth-Token: the-BMCs-token',
			'Location: https://evil.test/',
			'Refresh: 0; url=https://evil.test/',
			'Access-Control-Allow-Origin: *',
			'Clear-Site-Data: "*"',
			'WWW-Authenticate: Basic realm="evil"',
			'Trailer: Set-Cookie',
			'Alt-Svc: h2="evil.test:443"',
			'Server: evil',
		]);
	for (const answer of await ways()) {
		t.is(answer.status, 200);
		t.notRegex(answer.whole, /evil|SESSION=|the-BMCs-token|clear-site-data|access-control/i);
	}
});

test.serial('redirects are not followed, and lead nobody away', async t => {
	for (const status of [301, 302, 303, 307, 308]) {
		bmc.answer = () =>
			`HTTP/1.1 ${status} Moved\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n`;
		const before = bmc.heard.length;
		for (const answer of await ways()) t.notRegex(answer.whole, /169\.254/);
		t.is(bmc.heard.length - before, 3, 'asked once each');
	}
});

test.serial('bytes that make two answers of one are no answer to the next', async t => {
	const split = '{"Name":"somebody else’s"}';
	bmc.answer = () => `${json(whole)}${json(split)}`;
	for (let round = 0; round < 5; round++) {
		for (const answer of await ways()) t.notRegex(answer.text, /somebody/);
	}
	// Said before anything was asked: as the answer to whatever comes next.
	bmc.answer = (_start, socket) => {
		setImmediate(() => socket.destroyed || socket.write(json(split)));
		return json(whole);
	};
	for (let round = 0; round < 5; round++) {
		for (const answer of await ways()) t.notRegex(answer.text, /somebody/);
		await new Promise(setImmediate);
	}
});

test.serial('answers that are framed in two ways, or cut short, are not passed for whole', async t => {
	const cut = (text: string) => (_start: string, socket: import('node:net').Socket) => {
		socket.end(text);
		return undefined;
	};
	for (const text of [
		`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n${whole}`,
		`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\nContent-Length: ${whole.length}\r\n\r\n${whole}`,
		`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`,
		`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${whole}\r\n0\r\n\r\n`,
		`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n${whole}`,
		'HTTP/1.1 200 OK\r\nX: a\r\nContent-Length: 2\r\n',
		'HTTP/9.9 200 OK\r\n\r\n',
		'SSH-2.0-dropbear\r\n',
		'',
	]) {
		bmc.answer = cut(text);
		for (const answer of await ways())
			t.true([502, 504].includes(answer.status), `${text.slice(0, 90)}: ${answer.status}`);
	}
});

test.serial(
	'a flood of interim answers, of headers or of bytes ends in an error, and holds little',
	async t => {
		bmc.answer = () => `HTTP/1.1 100 Continue\r\n\r\n`.repeat(3) + json(whole);
		for (const answer of await ways()) t.true(answer.status === 200 || answer.status >= 502);
		bmc.answer = () => `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}Content-Length: 0\r\n\r\n`;
		for (const answer of await ways()) t.true(answer.status >= 502);
		bmc.answer = () => json(`{"a":"${'a'.repeat(5 * 1024 * 1024)}"}`);
		const [, filtered] = await ways();
		t.is(filtered?.status, 502);
		bmc.answer = () => json(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
		const [, deep] = await ways();
		t.is(deep?.status, 502);
		t.is((await site.at('cp-operator', 'node2')('GET', system)).status, 200, 'other BMCs are served');
	},
);

test.serial('a compressed answer is never unpacked, and never passes a filter', async t => {
	const bomb = gzipSync(Buffer.alloc(8 * 1024 * 1024, ' '));
	bmc.answer = () =>
		Buffer.concat([
			Buffer.from(
				`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`,
			),
			bomb,
		]);
	const [, filtered, rewritten] = await ways();
	t.is(filtered?.status, 502);
	t.is(rewritten?.status, 502);
});

test.serial('names that JavaScript knows are names like others in an answer', async t => {
	bmc.answer = () =>
		json(
			'{"@odata.id":"/redfish/v1/Chassis/chassis","@odata.type":"#Chassis.v1_0_0.Chassis","__proto__":{"Certificates":"x","polluted":1},"constructor":{"prototype":{"polluted":1}},"Certificates":{"a":1},"toString":1,"hasOwnProperty":2}',
		);
	const [, filtered] = await ways();
	t.is(filtered?.status, 200);
	t.is(filtered?.json.Certificates, null);
	t.is(({} as { polluted?: number }).polluted, undefined);
	bmc.answer = () =>
		json('{"@odata.type":"#Chassis.v1_0_0.Chassis","Certificates":"hidden-1","Certificates":"hidden-2"}');
	const [, twice] = await ways();
	t.notRegex(twice?.whole ?? '', /hidden/);
});

test.serial('an answer before the body was read counts once, and the change is not sent again', async t => {
	bmc.answer = (start, socket) => {
		if (!start.startsWith('POST')) return json(whole);
		socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
		return undefined;
	};
	const before = bmc.heard.filter(start => start.includes('Reset ')).length;
	t.is((await site.at('cp-operator')('POST', reset, { body: { ResetType: 'On' } })).status, 200);
	bmc.answer = (_start, socket) => {
		socket.destroy();
		return undefined;
	};
	t.is((await site.at('cp-operator')('POST', reset, { body: { ResetType: 'On' } })).status, 504);
	t.is(bmc.heard.filter(start => start.includes('Reset ')).length - before, 2, 'never sent twice');
});
