import test from 'ava';
import { bmcForTest, messageOf } from './test-bmc.ts';
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
