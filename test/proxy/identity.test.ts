// Who one is to the proxy, and that no credential crosses it in either direction.
import test from 'ava';
import { issueOperatorCertificate } from '../../common/identity/site-ca.ts';
import { createRoster } from '../../proxy/authenticate/roster.ts';
import type { Identified } from './ask.ts';
import {
	bmcPassword,
	entries,
	operatorNames,
	parties,
	startTestProxy,
	type TestProxy,
} from './start-proxy.ts';

const sessions = '/redfish/v1/SessionService/Sessions';
const systems = '/redfish/v1/Systems';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

const logIn = (UserName: unknown, Password: unknown, target = sessions) =>
	site.at(null)('POST', target, { body: { UserName, Password } });
const me = async (who: Identified) => {
	const { status, json } = await site.ask(who, 'GET', '/p2c/v1/me');
	return status === 200 ? `${json.name} of ${json.party}` : status;
};

test.serial('a session: opened, used, listed, ended; the token ends with it', async t => {
	const opened = await logIn('cp-operator', 'pw-cp-operator');
	t.is(opened.status, 201);
	const token = String(opened.headers['x-auth-token']);
	const location = String(opened.headers.location);
	t.regex(location, /^\/redfish\/v1\/SessionService\/Sessions\/[0-9a-f]+$/);
	t.like(opened.json, { '@odata.id': location, UserName: 'cp-operator' });
	t.false(opened.text.includes(token));
	t.is(await me({ token }), 'cp-operator of CP');
	t.is((await site.at({ token })('GET', systems)).status, 200);

	const listed = await site.at('cp-two')('GET', sessions);
	t.deepEqual(listed.json.Members, [{ '@odata.id': location }]);
	t.deepEqual((await site.at('hso-operator')('GET', sessions)).json.Members, []);
	t.is((await site.at('cp-two')('GET', location)).status, 200);
	t.is((await site.at('hso-operator')('GET', location)).status, 404);
	t.is((await site.at('hso-operator')('DELETE', location)).status, 404);
	t.is((await site.at('cp-two')('DELETE', location)).status, 403);
	t.is((await site.at({ token })('DELETE', location)).status, 204);
	t.is(await me({ token }), 401);
	t.is((await site.at({ token })('GET', systems)).status, 401);
	t.is((await site.at('cp-operator')('GET', location)).status, 404);
});

test.serial('a session of one BMC’s address is good for all of them, the main port included', async t => {
	for (const target of [
		`${site.url}${sessions}`,
		`${site.url}/bmc/node2${sessions}`,
		`${site.bmcUrls.node3}${sessions}`,
	]) {
		const opened = await site.ask(null, 'POST', target, {
			body: { UserName: 'hso-two', Password: 'pw-hso-two' },
		});
		t.is(opened.status, 201, target);
		const token = String(opened.headers['x-auth-token']);
		t.is((await site.at({ token }, 'node1')('GET', systems)).status, 200);
		t.is((await site.ask({ token }, 'DELETE', site.url + String(opened.headers.location))).status, 204);
	}
	t.is((await logIn('hso-two', 'pw-hso-two', `${sessions}/Members`)).status, 201);
});

test.serial('wrong log-ins are all the same, and none is a session', async t => {
	const answers = [];
	for (const [name, password] of [
		['cp-operator', 'pw-hso-operator'],
		['nobody', 'pw-cp-operator'],
		['hso-gone', 'pw-hso-gone'],
		['CP-OPERATOR', 'pw-cp-operator'],
		['root', bmcPassword],
	] as const) {
		answers.push(await logIn(name, password));
		t.is(await me({ name, password }), 401);
	}
	for (const { status, text, headers } of answers) {
		t.is(status, 401);
		t.is(text, answers[0]?.text ?? '');
		t.is(headers['x-auth-token'], undefined);
	}
	for (const body of [
		{},
		{ UserName: 'cp-operator' },
		{ UserName: 'cp-operator', Password: '' },
		{ UserName: 1 },
	]) {
		t.is((await site.at(null)('POST', sessions, { body })).status, 400);
	}
	const long = await site.at(null)('POST', sessions, { body: { UserName: 'x'.repeat(5000), Password: 'x' } });
	t.true([400, 413].includes(long.status));
	const logins = site.records.flatMap(record => (record.kind === 'login' ? [record] : []));
	t.true(logins.some(({ operator, outcome }) => operator === 'cp-operator' && outcome === 'session'));
	t.true(logins.some(({ operator, outcome }) => operator === null && outcome === 'CredentialsWrong'));
});

test.serial('two credentials, or one of another kind, are none', async t => {
	const token = String((await logIn('cp-operator', 'pw-cp-operator')).headers['x-auth-token']);
	const get = async (headers: Record<string, string>, who: Identified = null) =>
		(await site.at(who)('GET', systems, { headers })).status;
	t.is(await get({ 'x-auth-token': token }), 200);
	t.is(await get({ 'x-auth-token': token }, 'hso-operator'), 400);
	t.is(await get({ cookie: `SESSION=${token}` }), 401);
	t.is(await get({ authorization: `Token ${token}` }), 401);
	t.is(await get({ authorization: `Bearer ${token}` }), 401);
	t.is(await get({ authorization: 'Basic' }), 401);
	t.is(await get({ 'x-auth-token': '' }), 401);
	t.is(await get({ 'x-auth-token': `${token},${token}` }), 401);
	const open = await site.at(null)('GET', '/redfish/v1', { headers: { 'x-auth-token': 'wrong' } });
	t.is(open.status, 401, 'who shows a wrong credential is not taken for nobody');
});

test.serial('client certificates: under the own party’s root only, and of operators only', async t => {
	const { clock, roots } = site;
	const issue = (name: string, party: 'HSO' | 'CP', by: 'HSO' | 'CP') =>
		issueOperatorCertificate({ partyAuthority: roots[by], operator: { name, party }, clock }).then(
			({ certificatePem: cert, keyPem: key }) => ({ cert, key }),
		);
	const right = await issue('cp-operator', 'CP', 'CP');
	t.is(await me(right), 'cp-operator of CP');
	t.is((await site.at(right)('GET', systems)).status, 200);
	t.is(await me(await issue('cp-operator', 'CP', 'HSO')), 401, 'another party’s root');
	t.is(await me(await issue('cp-operator', 'HSO', 'HSO')), 401);
	t.is(await me(await issue('hso-gone', 'HSO', 'HSO')), 401, 'disabled');
	t.is(await me(await issue('nobody', 'CP', 'CP')), 401);
	const both = await site.at(right)('GET', systems, { headers: { 'x-auth-token': 'x' } });
	t.is(both.status, 400);
});

test.serial('who leaves is out at once, whatever is open still', async t => {
	const token = String((await logIn('cp-two', 'pw-cp-two')).headers['x-auth-token']);
	t.is(await me('cp-two'), 'cp-two of CP');
	const wait = await site.at('cp-two')('POST', '/redfish/v1/Managers/bmc/Actions/Manager.Reset', {
		body: { ResetType: 'GracefulRestart' },
	});
	t.is(wait.status, 202);
	await site.proxy.useRoster(
		createRoster(
			entries.filter(({ name }) => name !== 'cp-two'),
			parties,
		),
	);
	t.teardown(() => site.proxy.useRoster(createRoster(entries, parties)));
	t.is(await me('cp-two'), 401);
	t.is(await me({ token }), 401);
	const { Id: id, Oem: oem } = wait.json;
	const approved = await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
		body: { digest: oem.Bimetal.Digest },
	});
	t.is(approved.json.state, 'denied');
	t.is(site.bmcs.node1.counts.managerResets, 0);
});

test.serial('sessions end by the clock', async t => {
	const token = String((await logIn('hso-operator', 'pw-hso-operator')).headers['x-auth-token']);
	t.is(await me({ token }), 'hso-operator of HSO');
	site.clock.advance(30 * 60_000);
	t.is(await me({ token }), 401);
});

test.serial('the BMC’s sessions and its password stay on this side, the client’s on that side', async t => {
	const token = String((await logIn('cp-operator', 'pw-cp-operator')).headers['x-auth-token']);
	const wholes: string[] = [];
	const headers = {
		cookie: 'SESSION=a-cookie-of-the-client',
		'x-xsrf-token': 'an-xsrf-token',
		'x-forwarded-for': '203.0.113.7',
		'user-agent': 'a-user-agent',
		'x-secret-header': 'a-secret-header',
		accept: 'text/html',
	};
	for (const bmc of ['node1', 'node2'] as const) {
		for (const [method, path, body] of [
			['GET', '/redfish/v1'],
			['GET', systems],
			['GET', `${systems}/system`],
			['GET', '/redfish/v1/SessionService'],
			['GET', sessions],
			['GET', '/redfish/v1/AccountService/Accounts/root'],
			['GET', '/redfish/v1/Managers/bmc'],
			['PATCH', `${systems}/system`, { AssetTag: 'x' }],
			['POST', `${systems}/system/Actions/ComputerSystem.Reset`, { ResetType: 'On' }],
			['POST', '/redfish/v1/AccountService/Accounts', { UserName: 'x', Password: 'y', RoleId: 'z' }],
			['GET', '/redfish/v1/Unheard'],
		] as const) {
			for (const who of ['hso-operator', { token }]) {
				wholes.push((await site.at(who, bmc)(method, path, { body, headers })).whole);
			}
		}
	}
	const upstream = Object.values(site.spies).map(spy => spy.received());
	const bmcTokens = upstream.flatMap(text =>
		[...text.matchAll(/x-auth-token: (\S+)/gi)].map(([, found]) => found),
	);
	t.true(bmcTokens.length > 0);
	for (const whole of wholes) {
		t.false(whole.includes(bmcPassword));
		for (const secret of new Set(bmcTokens)) t.false(whole.includes(String(secret)));
		t.notRegex(whole, /x-auth-token|set-cookie/i);
	}
	for (const text of upstream) {
		for (const secret of [
			token,
			...operatorNames.map(name => `pw-${name}`),
			...operatorNames.map(name => Buffer.from(`${name}:pw-${name}`).toString('base64')),
			...operatorNames,
			...Object.values(headers),
		]) {
			t.false(text.includes(secret), secret);
		}
		t.notRegex(text, /authorization:|cookie:|x-forwarded|\/bmc\/node/i);
		t.true(text === '' || text.includes(bmcPassword), 'the proxy logs in by itself');
	}
	const logged = site.log.join('\n') + JSON.stringify(site.records);
	for (const secret of [bmcPassword, token, ...bmcTokens, 'pw-cp-operator', 'a-secret-header']) {
		t.false(logged.includes(String(secret)));
	}
});
