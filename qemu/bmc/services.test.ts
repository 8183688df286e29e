import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { bmcForTest, messageOf } from './test-bmc.ts';
import { testImage } from './test-image.ts';
import { sendRaw } from './wire-client.ts';

const ROOT = '/redfish/v1';
const SYSTEM = `${ROOT}/Systems/system`;
const LOG = `${SYSTEM}/LogServices/EventLog`;
const SESSIONS = `${ROOT}/SessionService/Sessions`;

test('a session lets in by token and by cookie, and ends by log-out, deletion and time', async t => {
	const { clock, ask } = await bmcForTest(t);
	const open = async () => {
		const reply = await ask('POST', SESSIONS, {
			user: null,
			body: { UserName: 'root', Password: 'Pass-word1' },
		});
		t.is(reply.status, 201);
		return { token: String(reply.headers['x-auth-token']), uri: String(reply.headers.location) };
	};
	const get = async (headers: Record<string, string>) =>
		(await ask('GET', SYSTEM, { user: null, headers })).status;
	const first = await open();
	t.is(await get({ 'X-Auth-Token': first.token }), 200);
	t.is(await get({ Authorization: `Token ${first.token}` }), 200);
	t.is(await get({ 'X-Auth-Token': `${first.token}x` }), 401);
	t.is((await ask('DELETE', first.uri)).status, 200);
	t.is(await get({ 'X-Auth-Token': first.token }), 401);
	const second = await open();
	clock.advance(1799_000);
	t.is(await get({ 'X-Auth-Token': second.token }), 200);
	clock.advance(1800_000);
	t.is(await get({ 'X-Auth-Token': second.token }), 401);
});

test('a cookie reads alone, and changes only with the token against cross-site requests', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const login = await ask('POST', '/login', {
		user: null,
		body: { username: 'root', password: 'Pass-word1' },
	});
	t.is(login.status, 200);
	const cookies = login.headers['set-cookie'] as string[];
	const value = (name: string) =>
		cookies.map(one => new RegExp(`^${name}=([^;]+)`).exec(one)?.[1]).find(Boolean) ?? '';
	const cookie = `BMCWEB-SESSION=${value('BMCWEB-SESSION')}`;
	const body = { AssetTag: 'by cookie' };
	t.is((await ask('GET', SYSTEM, { user: null, headers: { cookie } })).status, 200);
	t.is((await ask('PATCH', SYSTEM, { user: null, body, headers: { cookie } })).status, 401);
	t.is(bmc.executed.filter(one => one.method === 'PATCH').length, 0);
	const headers = { cookie, 'X-XSRF-TOKEN': value('XSRF-TOKEN') };
	t.is((await ask('PATCH', SYSTEM, { user: null, body, headers })).status, 204);
	t.is((await ask('POST', '/logout', { user: null, headers })).status, 200);
	t.is((await ask('GET', SYSTEM, { user: null, headers: { cookie } })).status, 401);
});

test('a wrong password costs the delay, and says no more than that it is wrong', async t => {
	const { clock, ask } = await bmcForTest(t, { failedLoginDelayMs: 2000 });
	let settled = false;
	const reply = ask('POST', SESSIONS, { user: null, body: { UserName: 'nobody', Password: 'x' } });
	reply.then(() => {
		settled = true;
	});
	await ask('GET', SYSTEM);
	t.false(settled);
	clock.advance(2000);
	t.is((await reply).status, 401);
	t.is(messageOf(await reply), 'ResourceAtUriUnauthorized');
});

test('accounts are made, used, disabled and removed', async t => {
	const { ask } = await bmcForTest(t);
	const accounts = `${ROOT}/AccountService/Accounts`;
	const body = { UserName: 'new1', Password: 'Long-enough1', RoleId: 'Operator' };
	const made = await ask('POST', accounts, { body });
	t.is(made.status, 201);
	t.is(made.headers.location, `${accounts}/new1`);
	t.is(messageOf(await ask('POST', accounts, { body })), 'ResourceAlreadyExists');
	t.is((await ask('POST', accounts, { body: { ...body, UserName: 'a b' } })).status, 400);
	t.is((await ask('POST', accounts, { body: { ...body, UserName: 'short', Password: 'x' } })).status, 400);
	const asNew = () => ask('GET', SYSTEM, { user: 'new1', password: 'Long-enough1' });
	t.is((await asNew()).status, 200);
	t.is((await ask('PATCH', `${accounts}/new1`, { body: { Enabled: false } })).status, 200);
	t.is((await asNew()).status, 401);
	t.is((await ask('DELETE', `${accounts}/new1`)).status, 200);
	t.is((await ask('GET', `${accounts}/new1`)).status, 404);
});

test('the event log has entries of every severity with Oem fields; entries are resolved, deleted, cleared', async t => {
	const { ask } = await bmcForTest(t);
	const members = async () => (await ask('GET', `${LOG}/Entries`)).json.Members as Record<string, unknown>[];
	const all = await members();
	t.is(all.length, 12);
	t.deepEqual([...new Set(all.map(entry => entry.Severity))].sort(), ['Critical', 'OK', 'Warning']);
	t.true(all.every(entry => entry.Oem !== undefined && entry.OemRecordFormat !== undefined));
	const id = String(all[6]?.['@odata.id']);
	t.is((await ask('PATCH', id, { body: { Resolved: true } })).status, 204);
	t.is((await ask('GET', id)).json.Resolved, true);
	t.is((await ask('DELETE', id)).status, 204);
	t.is((await ask('GET', id)).status, 404);
	t.is((await members()).length, 11);
	t.is((await ask('POST', `${LOG}/Actions/LogService.ClearLog`, { body: {} })).status, 204);
	t.is((await members()).length, 0);
});

test('an update makes a task, whose monitor gives its result once', async t => {
	const { clock, ask } = await bmcForTest(t);
	const started = await ask('POST', `${ROOT}/UpdateService/update`, {
		headers: { 'Content-Type': 'application/octet-stream' },
		body: testImage(),
	});
	t.is(started.status, 202);
	t.is(started.headers['retry-after'], '30');
	const monitor = String(started.headers.location);
	const task = String(started.json['@odata.id']);
	t.is((await ask('GET', monitor)).status, 202);
	t.is((await ask('GET', task)).json.TaskState, 'Running');
	clock.advance(3000);
	const finished = (await ask('GET', task)).json;
	t.is(finished.TaskState, 'Completed');
	t.is(finished.PercentComplete, 100);
	t.is((await ask('GET', monitor)).status, 204);
	t.is((await ask('GET', monitor)).status, 404);
	const version = (await ask('GET', `${ROOT}/UpdateService/FirmwareInventory/bmc_active`)).json.Version;
	t.regex(String(version), /^image-[0-9a-f]{12}$/);
});

test('a task shows the request that it came from to whoever is logged in, but no credential', async t => {
	const { ask } = await bmcForTest(t);
	const path = `${ROOT}/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData`;
	const started = await ask('POST', path, { body: { DiagnosticDataType: 'Manager' } });
	const task = await ask('GET', String(started.json['@odata.id']), { user: 'ro1' });
	const payload = task.json.Payload as { TargetUri: string; JsonBody: string };
	t.is(payload.TargetUri, path);
	t.is(payload.JsonBody, '{"DiagnosticDataType":"Manager"}');
	t.true(task.text.includes('content-type: application/json'));
	t.false(task.text.includes('Basic'));
});

test('a multipart update takes its target from its parameters', async t => {
	const { bmc, clock, ask } = await bmcForTest(t);
	const parameters = '{"Targets":["/redfish/v1/UpdateService/FirmwareInventory/bios_active"]}';
	const body = [
		'--b\r\nContent-Disposition: form-data; name="UpdateParameters"\r\n\r\n',
		`${parameters}\r\n--b\r\nContent-Disposition: form-data; name="UpdateFile"; filename="f"\r\n\r\n`,
		`${testImage().toString('latin1')}\r\n--b--\r\n`,
	].join('');
	const basic = Buffer.from('root:Pass-word1').toString('base64');
	const head = `POST ${ROOT}/UpdateService/update-multipart HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${basic}\r\n`;
	const type = `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${body.length}\r\n\r\n`;
	t.is((await sendRaw(bmc.port, head + type + body)).answers[0]?.status, 202);
	clock.advance(3000);
	const version = (await ask('GET', `${ROOT}/UpdateService/FirmwareInventory/bios_active`)).json.Version;
	t.regex(String(version), /^image-/);
});

const form = (parts: readonly (readonly [name: string, content: string])[], end = '--b--\r\n') =>
	Buffer.from(
		`${parts.map(([name, content]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`).join('')}${end}`,
		'latin1',
	);
const image = testImage().toString('latin1');

test('what is no image, or no form, or aims at nothing is refused', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const push = (path: string, type: string, body: Buffer) =>
		ask('POST', `${ROOT}/UpdateService/${path}`, { headers: { 'Content-Type': type }, body });
	const multipart = (body: Buffer) => push('update-multipart', 'multipart/form-data; boundary=b', body);
	const octets = 'application/octet-stream';
	const other = testImage();
	other[300] = 1;
	for (const [message, reply] of [
		['MissingOrMalformedPart', await push('update', octets, Buffer.from('image'))],
		['MissingOrMalformedPart', await push('update', octets, other)],
		['UnrecognizedRequestBody', await push('update', 'multipart/form-data; boundary=b', testImage())],
		['UnrecognizedRequestBody', await push('update-multipart', octets, testImage())],
		['MissingOrMalformedPart', await multipart(form([['UpdateFile', image]], ''))],
		[
			'MissingOrMalformedPart',
			await multipart(Buffer.concat([Buffer.from('x'), form([['UpdateFile', image]])])),
		],
		['PropertyMissing', await multipart(form([['UpdateParameters', '{}']]))],
		[
			'MalformedJSON',
			await multipart(
				form([
					['UpdateParameters', '{'],
					['UpdateFile', image],
				]),
			),
		],
		[
			'PropertyUnknown',
			await multipart(
				form([
					['UpdateParameters', '{"A":1}'],
					['UpdateFile', image],
				]),
			),
		],
		[
			'PropertyValueFormatError',
			await multipart(
				form([
					['UpdateParameters', '{"Targets":["/x"]}'],
					['UpdateFile', image],
				]),
			),
		],
	] as const) {
		t.is(reply.status, 400);
		t.is(messageOf(reply), message);
	}
	// As lenient as the real one: the last of two counts, other parts and what follows the end are ignored.
	const twice = form(
		[
			['UpdateFile', 'x'],
			['Other', 'y'],
			['UpdateFile', image],
		],
		'--b--\r\nand more',
	);
	t.is((await multipart(twice)).status, 202);
	t.is(bmc.executed.at(-1)?.image?.size, 4096);
});

test('an image is read as it comes, up to the limit that the update service names', async t => {
	const { bmc, ask } = await bmcForTest(t, { maxImageBytes: 8192 });
	const headers = { 'Content-Type': 'application/octet-stream' };
	const push = (size: number) =>
		ask('POST', `${ROOT}/UpdateService/update`, { headers, body: testImage(size) });
	t.is((await ask('GET', `${ROOT}/UpdateService`)).json.MaxImageSizeBytes, 8192);
	t.is((await push(8192)).status, 202);
	const { image: seen } = bmc.executed.at(-1) ?? {};
	t.is(seen?.sha256, createHash('sha256').update(testImage(8192)).digest('hex'));
	await t.throwsAsync(push(8193));
	t.is(bmc.executed.at(-1)?.image?.size, 8192);
});

test('ResetToDefaults brings accounts, settings and log back, ends sessions, and is counted', async t => {
	const { bmc, ask } = await bmcForTest(t);
	const factory = (await ask('GET', SYSTEM)).text;
	await ask('PATCH', SYSTEM, { body: { AssetTag: 'mine' } });
	await ask('POST', `${ROOT}/AccountService/Accounts`, {
		body: { UserName: 'new1', Password: 'Long-enough1', RoleId: 'Operator' },
	});
	await ask('POST', `${LOG}/Actions/LogService.ClearLog`, { body: {} });
	const session = await ask('POST', SESSIONS, {
		user: null,
		body: { UserName: 'root', Password: 'Pass-word1' },
	});
	const path = `${ROOT}/Managers/bmc/Actions/Manager.ResetToDefaults`;
	t.is((await ask('POST', path, { body: { ResetType: 'Some' } })).status, 400);
	t.is((await ask('POST', path, { body: { ResetType: 'ResetAll' } })).status, 200);
	t.is(bmc.counts.resetsToDefaults, 1);
	t.is((await ask('GET', SYSTEM)).text, factory);
	t.is((await ask('GET', `${ROOT}/AccountService/Accounts/new1`)).status, 404);
	t.is((await ask('GET', `${LOG}/Entries`)).json['Members@odata.count'], 12);
	const token = String(session.headers['x-auth-token']);
	t.is((await ask('GET', SYSTEM, { user: null, headers: { 'X-Auth-Token': token } })).status, 401);
});

test('the time can be set and goes on from there', async t => {
	const { clock, ask } = await bmcForTest(t);
	const manager = `${ROOT}/Managers/bmc`;
	t.is((await ask('PATCH', manager, { body: { DateTime: '2030-01-01T00:00:00+00:00' } })).status, 204);
	clock.advance(60_000);
	t.is((await ask('GET', manager)).json.DateTime, '2030-01-01T00:01:00+00:00');
	t.is((await ask('PATCH', manager, { body: { DateTime: '2030-13-41T00:00:00Z' } })).status, 400);
});

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

test('certificates are replaced, requested and deleted', async t => {
	const { ask } = await bmcForTest(t);
	const csr = await ask('POST', `${ROOT}/CertificateService/Actions/CertificateService.GenerateCSR`, {
		body: {
			CertificateCollection: { '@odata.id': `${ROOT}/Managers/bmc/NetworkProtocol/HTTPS/Certificates` },
			CommonName: 'node1',
			Country: 'FI',
			Organization: 'Bimetal',
		},
	});
	t.is(csr.status, 200);
	t.true(String(csr.json.CSRString).startsWith('-----BEGIN CERTIFICATE REQUEST-----'));
	const bad = await ask('POST', `${ROOT}/Managers/bmc/Truststore/Certificates`, {
		body: { CertificateString: 'none', CertificateType: 'PEM' },
	});
	t.is(bad.status, 400);
});

test('what was carried out is written down as it was understood', async t => {
	const { bmc } = await bmcForTest(t);
	const basic = Buffer.from('root:Pass-word1').toString('base64');
	const body = '{"ResetType":"Nope","\\u0052esetType":"On"}';
	const head = `POST //evil${SYSTEM}/Actions/ComputerSystem.Reset?a=%41#x HTTP/1.1\r\nHost: x\r\n`;
	const rest = `Authorization: Basic ${basic}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
	t.is((await sendRaw(bmc.port, head + rest)).answers[0]?.status, 204);
	t.deepEqual(bmc.executed.at(-1), {
		method: 'POST',
		path: `${SYSTEM}/Actions/ComputerSystem.Reset`,
		query: [['a', 'A']],
		body: { ResetType: 'On' },
		account: 'root',
		status: 204,
	});
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
