import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { bmcForTest } from './test-bmc.ts';
import { sendRaw } from './wire-client.ts';

const ROOT = '/redfish/v1';

const SYSTEM = `${ROOT}/Systems/system`;

test('listeners get every event: of the log, of tests', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const basic = Buffer.from('root:Pass-word1').toString('base64');
	const head = `GET ${ROOT}/EventService/SSE HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\nAccept: text/event-stream\r\n\r\n`;
	const received = sendRaw(bmc.port, head, {
		until: text => text.includes('NMIRaised') && text.endsWith('\n\n'),
	});
	while (bmc.listeners() === 0) await ask('GET', SYSTEM);
	await ask('POST', `${ROOT}/EventService/Actions/EventService.SubmitTestEvent`, {
		body: { Message: 'hello', MessageArgs: ['a'], Severity: 'Critical', MessageId: 'OpenBMC.0.5.Test' },
	});
	bmc.press('Nmi');
	const { text } = await received;
	t.true(text.startsWith('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: {\n'));
	const events = text
		.split('\r\n\r\n')
		.slice(1)
		.join()
		.trim()
		.split('\n\n')
		.map(block => JSON.parse(block.replace(/^id: .*\n/, '').replace(/^data: /gm, '')));
	t.deepEqual(
		events.map(event => [event.Id, event.Events[0].MessageId, event.Events[0].Severity]),
		[
			['1', 'OpenBMC.0.5.Test', 'Critical'],
			['2', 'OpenBMC.0.5.NMIRaised', 'Critical'],
		],
	);
	while (bmc.listeners() > 0) await ask('GET', SYSTEM);
});

test('subscriptions are kept, changed and deleted; their headers are never shown', async t => {
	const { ask } = await bmcForTest(t);
	const path = `${ROOT}/EventService/Subscriptions`;
	const body = {
		Destination: 'https://192.0.2.1/events',
		Protocol: 'Redfish',
		HttpHeaders: [{ Authorization: 'Bearer secret' }],
	};
	const made = await ask('POST', path, { body });
	t.is(made.status, 201);
	const uri = String(made.headers.location);
	const shown = await ask('GET', uri);
	t.is(shown.json.Destination, 'https://192.0.2.1/events');
	t.false(shown.text.includes('secret'));
	t.is((await ask('PATCH', uri, { body: { Context: 'mine' } })).status, 204);
	t.is((await ask('GET', uri)).json.Context, 'mine');
	t.is((await ask('PATCH', uri, { user: 'ro1', body: { Context: 'theirs' } })).status, 403);
	t.is((await ask('DELETE', uri, { user: 'ro1' })).status, 403);
	t.is((await ask('DELETE', uri)).status, 204);
	t.is((await ask('POST', path, { body: { ...body, Destination: 'file:///etc' } })).status, 400);
});

test('events are pushed to subscriptions on this machine, with their headers and context; who comes back hears what it missed', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const came: { headers: IncomingHttpHeaders; json: { Context: string; Events: { MessageId: string }[] } }[] =
		[];
	let wake: () => void = () => {};
	const server = createServer((request, response) => {
		let text = '';
		request.setEncoding('utf8').on('data', (chunk: string) => {
			text += chunk;
		});
		request.on('end', () => {
			response.writeHead(204).end();
			came.push({ headers: request.headers, json: JSON.parse(text) });
			wake();
		});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
	t.teardown(() => {
		server.close();
		server.closeAllConnections();
	});
	const { port } = server.address() as AddressInfo;
	const path = `${ROOT}/EventService/Subscriptions`;
	const body = {
		Destination: `http://127.0.0.1:${port}/hook`,
		Protocol: 'Redfish',
		Context: 'mine',
		MessageIds: ['NMIRaised'],
		HttpHeaders: [{ 'X-Key': 'secret' }],
	};
	t.is((await ask('POST', path, { body })).status, 201);
	bmc.press('ForceOff');
	bmc.press('On');
	bmc.press('Nmi');
	await new Promise<void>(resolve => {
		wake = () => came.length > 0 && resolve();
		wake();
	});
	t.deepEqual(
		came.map(({ json }) => [json.Context, json.Events[0]?.MessageId]),
		[['mine', 'OpenBMC.0.5.NMIRaised']],
	);
	t.is(came[0]?.headers['x-key'], 'secret');

	const basic = Buffer.from('root:Pass-word1').toString('base64');
	const head = `GET ${ROOT}/EventService/SSE HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\nAccept: text/event-stream\r\n`;
	const { text } = await sendRaw(bmc.port, `${head}Last-Event-ID: 1\r\n\r\n`, {
		until: text => text.includes('NMIRaised') && text.endsWith('\n\n'),
	});
	t.deepEqual(text.match(/^id: .*$/gm), ['id: 2', 'id: 3']);
});
