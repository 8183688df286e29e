// What one party must not get done alone, in whatever order or at whatever time. Titles name their rows in docs/no-way-round.md.
import test, { type ExecutionContext } from 'ava';
import { reservationRules } from '../../proxy/external/reservation-rules.ts';
import type { Reply } from '../proxy/ask.ts';
import { bmcPassword, startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';
import { maskedSite, naiveSite, ownCredential } from './naive-site.ts';
import { basicLine, requestText, sendBytes } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;
const manager = '/redfish/v1/Managers/bmc';

let site: TestProxy;
test.before(async () => {
	const rules = reservationRules.parse({
		field: 'Power',
		row: 'Id',
		operations: [{ operation: ['Power on, off, reboot $system'], when: 'true', add: 100, atMost: '30s' }],
	});
	site = await startTestProxy({ reserved: { PDU: { rules, under: 'Outlets', unit: undefined } } });
	await site.at('cp-operator')('GET', system);
});
test.after.always(() => site?.close());

type Asked = readonly [method: string, path: string, body?: unknown];
const changes = (from: number) =>
	site.bmcs.node1.executed.slice(from).filter(({ method }) => method !== 'GET');

/** None of these is carried out for one party alone; a naive proxy carries out at least `least` of them. */
async function neverAlone(t: ExecutionContext, asked: readonly Asked[], least: number): Promise<void> {
	const before = site.bmcs.node1.executed.length;
	for (const [method, path, body] of asked) {
		for (const who of ['hso-operator', 'cp-operator']) {
			const answer = await site.at(who)(method, path, body === undefined ? {} : { body });
			t.true(
				[202, 400, 403, 405].includes(answer.status),
				`${who} ${method} ${path}: ${answer.status} ${answer.text}`,
			);
		}
	}
	t.deepEqual(changes(before), []);
	const naive = await maskedSite(t);
	let done = 0;
	for (const [method, path, body] of asked) {
		const { answers } = await naive.send(
			requestText(`${method} ${path}`, [], body === undefined ? undefined : JSON.stringify(body)),
		);
		if ((answers[0]?.status ?? 500) < 300) done++;
	}
	t.true(done >= least, `the naive proxy did ${done} of ${asked.length}`);
}

test.serial('row BMC-side SSRF: where a BMC shall go is never one party’s to say', async t => {
	await neverAlone(
		t,
		[
			[
				'POST',
				'/redfish/v1/EventService/Subscriptions',
				{ Destination: 'https://192.0.2.1/', Protocol: 'Redfish' },
			],
			['PATCH', '/redfish/v1/AccountService', { LDAP: { ServiceAddresses: ['ldap://192.0.2.1'] } }],
			['POST', '/redfish/v1/AggregationService/AggregationSources', { HostName: '192.0.2.1' }],
			[
				'POST',
				'/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate',
				{ ImageURI: 'http://192.0.2.1/' },
			],
			['PATCH', `${manager}/NetworkProtocol`, { NTP: { NTPServers: ['192.0.2.1'] } }],
		],
		2,
	);
});

test.serial('row Self-disarm: neither party alone takes the guard away', async t => {
	await neverAlone(
		t,
		[
			[
				'POST',
				'/redfish/v1/AccountService/Accounts',
				{ UserName: 'mole', Password: 'Pass-word1', RoleId: 'Administrator' },
			],
			['PATCH', '/redfish/v1/AccountService', { Oem: { OpenBMC: { AuthMethods: { BasicAuth: true } } } }],
			['PATCH', `${manager}/NetworkProtocol`, { SSH: { ProtocolEnabled: true } }],
			['PATCH', `${manager}/NetworkProtocol`, { IPMI: { ProtocolEnabled: true } }],
			['PATCH', `${manager}/EthernetInterfaces/eth0`, { DHCPv4: { DHCPEnabled: true } }],
			['POST', `${manager}/Truststore/Certificates`, { CertificateString: 'x', CertificateType: 'PEM' }],
			['PATCH', '/redfish/v1/SessionService', { SessionTimeout: 86_400 }],
			['POST', `${manager}/Actions/Manager.ResetToDefaults`, { ResetType: 'ResetAll' }],
			['DELETE', '/redfish/v1/AccountService/Accounts/root'],
			['PATCH', '/redfish/v1/AccountService/Accounts/root', { Password: 'Pass-word2' }],
		],
		4,
	);
	const update = requestText('POST /redfish/v1/UpdateService/update', [
		basicLine('cp-operator'),
		'Content-Type: application/octet-stream',
		'Content-Length: 4',
	]);
	const before = site.bmcs.node1.executed.length;
	const port = Number(new URL(String(site.bmcUrls.node1)).port);
	t.is((await sendBytes(`${update}abcd`, { port, ca: site.ca })).answers[0]?.status, 202);
	t.deepEqual(changes(before), []);
});

test.serial('row TOCTOU: of two requests that each see room, one is let through', async t => {
	site.world.outlets = ['node1', 'node2', 'node3'].map(Id => ({ Id, Power: 300 }));
	let reading = 0;
	site.world.whileReading = async () => {
		reading++;
		for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
		reading--;
	};
	t.teardown(() => {
		site.world.outlets = undefined;
		site.world.whileReading = async () => {};
	});
	const sent = () =>
		(['node1', 'node2', 'node3'] as const).reduce(
			(sum, node) => sum + site.bmcs[node].executed.filter(({ path }) => path === reset).length,
			0,
		);
	const before = sent();
	const answers = await Promise.all(
		['node1', 'node2', 'node3'].map(node =>
			site.at('cp-operator', node)('POST', reset, { body: { ResetType: 'ForceRestart' } }),
		),
	);
	t.is(reading, 0);
	t.deepEqual(answers.map(({ status }) => status).sort(), [202, 202, 204]);
	t.is(sent() - before, 1);
	site.clock.advance(31_000);
});

test.serial('row Replay and body swap: an approval is for these very bytes, once', async t => {
	const target = `${manager}/Actions/Manager.Reset`;
	const hold = (ResetType: string): Promise<Reply> =>
		site.at('hso-operator')('POST', target, { body: { ResetType } });
	const [one, two] = [await hold('GracefulRestart'), await hold('ForceRestart')];
	t.is(one.status, 202);
	const idOf = (reply: Reply): string => reply.json.Id;
	const digestOf = (reply: Reply): string => reply.json.Oem.Bimetal.Digest;
	const approve = (id: string, digest: string) =>
		site.ask('cp-operator', 'POST', `/p2c/v1/requests/${id}/approve`, { body: { digest } });
	t.not(digestOf(one), digestOf(two));
	t.not(digestOf(one), digestOf(await hold('GracefulRestart')), 'two equal requests are two');
	const before = site.bmcs.node1.executed.length;
	t.is((await approve(idOf(one), digestOf(two))).status, 409, 'the digest of another request');
	t.is(
		(
			await approve(
				idOf(one),
				digestOf(one).replace(/.$/, x => (x === '0' ? '1' : '0')),
			)
		).status,
		409,
	);
	t.deepEqual(changes(before), []);
	const all = await Promise.all(Array.from({ length: 5 }, () => approve(idOf(one), digestOf(one))));
	t.true(all.some(({ status }) => status === 200));
	await approve(idOf(one), digestOf(one));
	const done = changes(before);
	t.is(done.length, 1);
	t.like(done[0], { method: 'POST', path: target, body: { ResetType: 'GracefulRestart' } });
	const other = await site.ask('cp-operator', 'POST', `/p2c/v1/requests/${idOf(two)}/approve`, {
		body: { digest: digestOf(one) },
	});
	t.is(other.status, 409, 'used up, and for another one besides');
	// Passed on twice, the same bytes are executed twice.
	const naive = await naiveSite(t, 'tunnel', () => false);
	const bytes = requestText(`POST ${reset}`, [ownCredential], '{"ResetType":"On"}');
	await naive.send(bytes + bytes, { expected: 2 });
	t.is(naive.executed().filter(({ path }) => path === reset).length, 2);
});

test.serial('row Clock: the BMC’s time moves nothing that is counted in time', async t => {
	const held = await site.at('hso-operator')('POST', `${manager}/Actions/Manager.Reset`, {
		body: { ResetType: 'GracefulRestart' },
	});
	const expires = held.json.Oem.Bimetal.ExpiresAt;
	t.is(Date.parse(expires) - site.clock.now(), 15 * 60_000);
	await neverAlone(
		t,
		[
			['PATCH', manager, { DateTime: '2040-01-01T00:00:00+00:00' }],
			['PATCH', `${manager}/NetworkProtocol`, { NTP: { ProtocolEnabled: false } }],
		],
		1,
	);
	// Even set past the proxy, it counts for nothing there.
	const authorization = `Basic ${Buffer.from(`root:${bmcPassword}`).toString('base64')}`;
	await fetch(site.bmcs.node1.url + manager, {
		method: 'PATCH',
		headers: { authorization, 'content-type': 'application/json' },
		body: '{"DateTime":"2040-01-01T00:00:00+00:00"}',
	});
	const still = await site.ask('hso-operator', 'GET', `/p2c/v1/requests/${held.json.Id}`);
	t.is(still.json.state, 'waiting');
	t.is(Date.parse(still.json.expiresAt), Date.parse(expires));
	const { status, headers } = await site.at('hso-operator')('GET', '/redfish/v1/Managers');
	t.is(status, 200);
	t.true(Math.abs(Date.parse(String(headers.date)) - Date.now()) < 60_000, 'Date is the proxy’s');
});

test.serial('row Confused deputy: credentials end at the proxy, on both sides', async t => {
	const from = site.spies.node1.received().length;
	const secret = 'Zm9yLXRoZS1wcm94eS1vbmx5';
	const port = Number(new URL(String(site.bmcUrls.node1)).port);
	const { answers } = await sendBytes(
		requestText(`GET ${system}`, [
			basicLine('cp-operator'),
			`Cookie: BMCWEB-SESSION=${secret}`,
			`X-XSRF-Token: ${secret}`,
			`Proxy-Authorization: Basic ${secret}`,
			`X-Forwarded-For: ${secret}`,
			`Forwarded: for=${secret}`,
			`Via: ${secret}`,
			`User-Agent: ${secret}`,
			`Referer: https://x/${secret}`,
			`X-Anything: ${secret}`,
		]),
		{ port, ca: site.ca },
	);
	t.is(answers[0]?.status, 200);
	const heard = site.spies.node1.received().slice(from);
	t.true(heard.includes(`GET ${system} `));
	for (const never of [
		secret,
		basicLine('cp-operator').split(' ').at(-1) ?? '',
		'cp-operator',
		'pw-cp',
		'ookie',
		'orwarded',
	])
		t.false(heard.includes(never), `${never} reached the BMC`);
	const all = site.spies.node1.received();
	const token = /x-auth-token: (\S+)/.exec(all)?.[1] ?? '';
	t.true(token.length > 10);
	const login = await site.ask(null, 'POST', `${site.bmcUrls.node1}/redfish/v1/SessionService/Sessions`, {
		body: { UserName: 'cp-operator', Password: 'pw-cp-operator' },
	});
	t.is(login.status, 201);
	for (const target of [
		system,
		'/redfish/v1/SessionService/Sessions',
		'/redfish/v1/AccountService/Accounts/root',
		'/redfish/v1/Unheard',
		login.headers.location as string,
	]) {
		const { whole } = await site.at('cp-operator')('GET', target);
		t.false(whole.includes(token) || whole.includes(bmcPassword), target);
		t.notRegex(whole, /set-cookie|BMCWEB/i);
	}
	// The BMC's own token and account are no credential at the proxy.
	t.is((await site.ask({ token }, 'GET', `${site.bmcUrls.node1}${system}`)).status, 401);
	t.is(
		(await site.ask({ name: 'root', password: bmcPassword }, 'GET', `${site.bmcUrls.node1}${system}`)).status,
		401,
	);
	// A library proxy hands on what the client brought; the cookie of a session at the BMC makes the client root there.
	const naive = await naiveSite(t, 'tunnel', () => false);
	const made = await naive.send(
		requestText('POST /login', [], JSON.stringify({ username: 'root', password: bmcPassword })),
	);
	t.regex(made.text, /Set-Cookie: /i, 'the naive proxy shows the BMC’s session to whoever asks');
});
