// Many clients, slow ones and half-open ones against the proxy in front of a real (emulated) BMC.
import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const clearLog = `${system}/LogServices/EventLog/Actions/LogService.ClearLog`;

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy({
		bmcTimeout: 20_000,
		coalesce: false,
		usage: {
			bmcQueue: 500,
			perOperator: { rate: 500, burst: 1000, concurrent: 500 },
			perParty: { rate: 1000, burst: 2000, concurrent: 1000 },
		},
	});
});
const opened: TLSSocket[] = [];
test.after.always(async () => {
	for (const socket of opened) socket.destroy();
	await site?.close();
});

/** A TLS connection of its own to the BMC's port, or another one. */
async function open(bmc = 'node1'): Promise<TLSSocket> {
	const { hostname, port } = new URL(site.bmcUrls[bmc] ?? '');
	const socket = connect({ host: hostname, port: Number(port), ca: site.ca });
	socket.on('error', () => undefined);
	opened.push(socket);
	await once(socket, 'secureConnect');
	return socket;
}
const basic = (who: string) =>
	`Authorization: Basic ${Buffer.from(`${who}:pw-${who}`).toString('base64')}\r\n`;
/** All that comes until the other side ends. */
async function all(socket: TLSSocket): Promise<string> {
	let text = '';
	for await (const chunk of socket) text += chunk;
	return text;
}

test.serial(
	'500 clients at once, each on a connection of its own: everybody gets the own answer',
	async t => {
		t.timeout(120_000);
		// Who has shown a password already is not checked again for a minute.
		const who = ['hso-operator', 'hso-two', 'cp-operator', 'cp-two'];
		for (const name of who) t.is((await site.at(name)('GET', system)).status, 200);
		const { hostname, port } = new URL(site.bmcUrls.node1 ?? '');
		const ask = (n: number) =>
			new Promise<{ status: number; text: string }>((resolve, reject) => {
				const name = who[n % who.length] ?? '';
				// A path that names the client: the answer, a refusal included, repeats it.
				const path = n % 2 === 0 ? `/redfish/v1/Unheard/client-${n}` : system;
				const sent = request(
					{
						host: hostname,
						port,
						path,
						ca: site.ca,
						agent: new Agent({ keepAlive: false }),
						headers: { authorization: `Basic ${Buffer.from(`${name}:pw-${name}`).toString('base64')}` },
					},
					response => {
						let text = '';
						response.setEncoding('utf8').on('data', chunk => {
							text += chunk;
						});
						response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
						response.on('error', reject);
					},
				);
				sent.on('error', reject);
				sent.end();
			});
		const answers = await Promise.all(Array.from({ length: 500 }, (_, n) => ask(n)));
		for (const [n, { status, text }] of answers.entries()) {
			t.is(status, n % 2 === 0 ? 403 : 200, text);
			const names = n % 2 === 0 ? [`client-${n}`] : [];
			t.deepEqual([...new Set(text.match(/client-\d+/g) ?? [])], names);
			if (n % 2 === 1) t.is(JSON.parse(text)['@odata.id'], system);
		}
	},
);

test.serial('a party’s flood at a slow BMC holds up neither the other party nor another BMC', async t => {
	const [hso, cp] = [site.at('hso-operator'), site.at('cp-operator')];
	for (const bmc of ['node1', 'node2']) await site.at('hso-operator', bmc)('GET', system);
	const started: (() => void)[] = [];
	site.bmcs.node1.fault({
		at: moment => (moment === 'received' ? new Promise(go => started.push(go)) : Promise.resolve()),
	});
	const flood = Array.from({ length: 40 }, () => hso('GET', system));
	while (started.length < 7) await new Promise(setImmediate);
	t.is((await site.at('hso-operator', 'node2')('GET', system)).status, 200, 'another BMC');
	const other = cp('GET', system);
	// All eight connections but one are the flood's; the eighth is the other party's.
	while (started.length < 8) await new Promise(setImmediate);
	started[7]?.();
	t.is((await other).status, 200);
	site.bmcs.node1.fault({});
	for (const go of started) go();
	t.deepEqual(new Set((await Promise.all(flood)).map(({ status }) => status)), new Set([200]));
});

test.serial('more than a BMC’s queue takes is 503 with Retry-After, for who asked too much', async t => {
	const small = await startTestProxy({ usage: { bmcQueue: 2 }, coalesce: false });
	t.teardown(() => small.close());
	await small.at('hso-operator')('GET', system);
	const started: (() => void)[] = [];
	small.bmcs.node1.fault({
		at: moment => (moment === 'received' ? new Promise(go => started.push(go)) : Promise.resolve()),
	});
	const flood = Array.from({ length: 12 }, () => small.at('hso-operator')('GET', system));
	while (started.length < 7) await new Promise(setImmediate);
	const refused = await Promise.any(
		flood.map(async each => {
			const answer = await each;
			if (answer.status !== 503) throw new Error('not refused');
			return answer;
		}),
	);
	t.is(refused.json.error.code, 'Bimetal.1.0.BmcBusy');
	t.is(refused.headers['retry-after'], '1');
	small.bmcs.node1.fault({});
	for (const go of started) go();
	const statuses = (await Promise.all(flood)).map(({ status }) => status);
	t.is(statuses.filter(status => status === 503).length, 12 - 7 - 2);
	const metrics = await (await fetch(`${small.ops}/metrics`)).text();
	t.regex(metrics, /bimetal_refused_total\{limit="bmc queue",party="HSO".*\} 3/);
});

test.serial('rates: 429 with Retry-After on both APIs, and only for who sends too much', async t => {
	const small = await startTestProxy({
		usage: { perOperator: { rate: 1, burst: 3, concurrent: 10 } },
	});
	t.teardown(() => small.close());
	const statuses: number[] = [];
	for (let i = 0; i < 5; i++) statuses.push((await small.at('hso-operator')('GET', system)).status);
	t.deepEqual(statuses, [200, 200, 200, 429, 429]);
	const refused = await small.ask('hso-operator', 'GET', '/p2c/v1/me');
	t.is(refused.status, 429);
	t.is(refused.json.code, 'TooManyRequests');
	t.is(refused.headers['retry-after'], '1');
	t.is((await small.at('hso-two')('GET', system)).status, 200);
	small.clock.jump(3_600_000);
	t.is((await small.at('hso-operator')('GET', system)).status, 429, 'setting the clock helps nobody');
	small.clock.advance(1000);
	t.is((await small.at('hso-operator')('GET', system)).status, 200);
});

test.serial(
	'who approves, reviews or explains finds a connection behind another party’s flood as well',
	async t => {
		const held = await site.at('hso-operator')('POST', clearLog, { body: {} });
		t.is(held.status, 202, held.text);
		const { Id: id, Oem: oem } = held.json;
		const started: (() => void)[] = [];
		let isFlooded = false;
		site.bmcs.node1.fault({
			at: moment =>
				moment === 'received' && !isFlooded ? new Promise(go => started.push(go)) : Promise.resolve(),
		});
		// All but the connection that is HSO's.
		const flood = Array.from({ length: 40 }, () => site.at('cp-operator')('GET', system));
		while (started.length < 7) await new Promise(setImmediate);
		isFlooded = true;
		const review = await site.ask('hso-two', 'GET', `/p2c/v1/requests/${id}/review`);
		t.is(review.status, 200, review.text);
		const explained = await site.ask('hso-two', 'POST', '/p2c/v1/explain', {
			body: { bmc: 'node1', method: 'GET', path: system },
		});
		t.is(explained.status, 200, explained.text);
		const approved = await site.ask('cp-two', 'POST', `/p2c/v1/requests/${id}/approve`, {
			body: { digest: oem.Bimetal.Digest },
		});
		t.is(approved.json.state, 'executed', 'on a connection of its requester’s party');
		t.is(started.length, 7, 'the flood waits still');
		site.bmcs.node1.fault({});
		for (const go of started) go();
		await Promise.all(flood);
	},
);

test.serial(
	'connections over the limit of an address are cut before they cost anything; others go on',
	async t => {
		const small = await startTestProxy({ usage: { perAddress: 3 } });
		t.teardown(() => small.close());
		const { hostname, port } = new URL(small.url);
		const sockets = Array.from({ length: 8 }, () => {
			const plain = connectPlain({ host: hostname, port: Number(port), localAddress: '127.0.0.66' });
			plain.on('error', () => undefined);
			const socket = connect({ socket: plain, servername: 'localhost', ca: small.ca });
			socket.on('error', () => undefined);
			return socket;
		});
		t.teardown(() => sockets.map(socket => socket.destroy()));
		const outcomes = await Promise.all(
			sockets.map(socket =>
				Promise.race([
					once(socket, 'secureConnect').then(() => 'open'),
					once(socket, 'close').then(() => 'cut'),
				]).catch(() => 'cut'),
			),
		);
		t.is(outcomes.filter(each => each === 'open').length, 3);
		t.is((await small.ask('hso-operator', 'GET', '/p2c/v1/me')).status, 200);
	},
);

test.serial('slow heads and bodies are cut off, cost nothing, and never reach a BMC', async t => {
	t.timeout(60_000);
	const before = site.bmcs.node1.executed.length;
	const slowHead = await Promise.all(Array.from({ length: 50 }, () => open()));
	for (const socket of slowHead) socket.write(`GET ${system} HTTP/1.1\r\nHost: x\r\n`);
	// Nobody's body is not even read beyond what a log-in may have.
	const bodies = await Promise.all(Array.from({ length: 20 }, () => open()));
	for (const socket of bodies)
		socket.write(
			`POST ${reset} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{`,
		);
	for (const socket of bodies) t.regex(await all(socket), /^HTTP\/1\.1 401 /);
	t.is((await site.at('hso-operator')('GET', system)).status, 200, 'meanwhile others are served');
	const slow = await open();
	slow.write(
		`POST ${reset} HTTP/1.1\r\nHost: x\r\n${basic('cp-operator')}Content-Type: application/json\r\nContent-Length: 30\r\n\r\n{`,
	);
	for (const socket of slowHead) t.regex(await all(socket), /^HTTP\/1\.1 408 /);
	slow.destroy();
	const posts = site.bmcs.node1.executed.slice(before).filter(({ path }) => path === reset);
	t.deepEqual(posts, []);
});

test.serial(
	'a client that closes its half, or goes away, leaves nothing behind, and its change is done once',
	async t => {
		const resets = () => site.bmcs.node1.executed.filter(({ path }) => path === reset).length;
		const before = resets();
		const body = JSON.stringify({ ResetType: 'ForceRestart' });
		const half = await open();
		half.end(
			`POST ${reset} HTTP/1.1\r\nHost: x\r\n${basic('cp-operator')}Content-Type: application/json\r\n` +
				`Content-Length: ${body.length}\r\n\r\n${body}`,
		);
		await all(half); // it ends: the proxy does not wait for more
		t.is(
			(await site.at('cp-operator')('POST', reset, { body })).status,
			204,
			'the next one is behind it in the lane',
		);
		t.true(resets() - before <= 2);
		for (let i = 0; i < 50; i++) {
			const gone = await open();
			gone.write(`GET ${chassis} HTTP/1.1\r\nHost: x\r\n${basic('cp-operator')}\r\n`, () => gone.destroy());
		}
		t.is((await site.at('cp-operator')('GET', chassis)).status, 200);
	},
);

test.serial(
	'BMCs that die in each part of an answer are answered for, and served again when they are back',
	async t => {
		const body = { ResetType: 'ForceRestart' };
		for (const [fault, times] of [
			[{ dropAnswer: 'whole' }, 1],
			[{ dropAnswer: 'in its head' }, 1],
			[{ dropMidAnswer: true }, 1],
		] as const) {
			const before = site.bmcs.node3.executed.length;
			t.is((await site.at('cp-operator', 'node3')('GET', system)).status, 200);
			site.bmcs.node3.fault(fault);
			const [changed, read, filtered] = await Promise.all([
				site.at('cp-operator', 'node3')('POST', reset, { body }),
				site.at('cp-operator', 'node3')('GET', system),
				site.at('cp-operator', 'node3')('GET', chassis),
			]);
			for (const answer of [changed, read, filtered]) {
				t.true([502, 504].includes(answer.status), `${JSON.stringify(fault)}: ${answer.status}`);
				t.regex(answer.json.error.code, /BmcNoAnswer|BmcGarbage/);
			}
			site.bmcs.node3.fault({});
			t.is((await site.at('cp-operator', 'node3')('GET', system)).status, 200);
			const posts = site.bmcs.node3.executed.slice(before).filter(({ path }) => path === reset);
			t.is(posts.length, times, 'sent once, and not again');
		}
	},
);

test.serial('readers that do not read hold a bounded number of bytes', async t => {
	const small = await startTestProxy({ usage: { unread: 1_000_000 } });
	t.teardown(() => small.close());
	// Makes the log long, so that its filtered answer is some hundred kilobytes.
	for (let i = 0; i < 300; i++) small.bmcs.node1.press(i % 2 === 0 ? 'ForceOff' : 'On');
	const entries = `${system}/LogServices/EventLog/Entries`;
	const whole = await small.at('cp-operator')('GET', entries);
	t.is(whole.status, 200);
	t.log(`${whole.text.length} bytes`);
	t.true(whole.text.length > 64 * 1024);
	const { hostname, port } = new URL(small.bmcUrls.node1 ?? '');
	const sockets: TLSSocket[] = [];
	t.teardown(() => sockets.map(socket => socket.destroy()));
	for (let i = 0; i < 20; i++) {
		const socket = connect({ host: hostname, port: Number(port), ca: small.ca });
		socket.on('error', () => undefined);
		await once(socket, 'secureConnect');
		socket.pause();
		// Many requests, no reading.
		for (let n = 0; n < 40; n++)
			socket.write(`GET ${entries} HTTP/1.1\r\nHost: x\r\n${basic('cp-operator')}\r\n`);
		sockets.push(socket);
	}
	let heap = 0;
	for (let i = 0; i < 200; i++) {
		await new Promise(setImmediate);
		heap = Math.max(heap, process.memoryUsage().arrayBuffers);
	}
	t.true(heap < 200_000_000, `${heap} bytes`);
	t.is((await small.at('hso-operator')('GET', system)).status, 200);
});
