// How long sessions last: each party sets it for its own, and the clock ends them.
import test from 'ava';
import { startTestProxy } from './start-proxy.ts';

const service = '/redfish/v1/SessionService';

test('SessionTimeout is the own party’s, bounded, kept, and ends its sessions alone', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const open = async (name: string) => {
		const opened = await site.at(null)('POST', `${service}/Sessions`, {
			body: { UserName: name, Password: `pw-${name}` },
		});
		t.like(opened.json, { SessionType: 'Redfish', ClientOriginIPAddress: '127.0.0.1' });
		t.is(opened.headers['set-cookie'], undefined);
		return { token: String(opened.headers['x-auth-token']) };
	};
	// Answered by the process that keeps the sessions, so that the clock of the test is theirs at once.
	const use = async (who: { token: string }) => (await site.at(who)('GET', service)).status;
	const set = (who: string, body: unknown, headers = {}) => site.at(who)('PATCH', service, { body, headers });

	const shown = await site.at('cp-operator')('GET', service);
	t.is(shown.json.SessionTimeout, 1800);
	t.is(shown.headers.allow, 'GET, HEAD, PATCH');
	const done = await set('cp-operator', { '@odata.id': service, SessionTimeout: 60 });
	t.is(done.status, 200);
	t.is(done.json.SessionTimeout, 60);
	t.is((await site.at('cp-two')('GET', service)).json.SessionTimeout, 60);
	const recorded = () => site.records.flatMap(record => (record.kind === 'sessions' ? [record] : []));
	const by = { operator: 'cp-operator', party: 'CP' } as const;
	t.like(recorded(), [{ ...by, action: 'set-timeout', timeout: 60 }]);
	t.is((await site.at('hso-operator')('GET', service)).json.SessionTimeout, 1800);
	t.is(site.bmcs.node1.executed.filter(({ method }) => method === 'PATCH').length, 0);

	for (const [body, code] of [
		[{ SessionTimeout: 29 }, 'PropertyValueOutOfRange'],
		[{ SessionTimeout: 1801 }, 'PropertyValueOutOfRange'],
		[{ SessionTimeout: '60' }, 'PropertyValueOutOfRange'],
		[{ SessionTimeout: 60.5 }, 'PropertyValueOutOfRange'],
		[{ SessionTimeout: 60, ServiceEnabled: false }, 'PropertyNotWritable'],
		[{ ServiceEnabled: false }, 'PropertyNotWritable'],
	] as const) {
		const refused = await set('cp-operator', body);
		t.is(refused.status, 400, JSON.stringify(body));
		t.is(refused.json.error.code, `Base.1.19.${code}`);
	}
	t.is((await set('cp-operator', { SessionTimeout: 90 }, { 'if-match': '"x"' })).status, 412);
	t.is((await site.at(null)('PATCH', service, { body: { SessionTimeout: 90 } })).status, 401);
	for (const method of ['PUT', 'POST', 'DELETE'])
		t.is(
			(await site.at('cp-operator')(method, service, method === 'DELETE' ? {} : { body: { a: 1 } })).status,
			405,
			method,
		);

	t.is(recorded().length, 1, 'what was refused is none');

	const gone = await open('cp-operator');
	const { json: own } = await site.at(gone)('GET', `${service}/Sessions`);
	t.is((await site.at(gone)('DELETE', own.Members[0]['@odata.id'])).status, 204);
	t.like(recorded()[1], { ...by, action: 'end', timeout: null });

	const [cp, hso] = [await open('cp-operator'), await open('hso-operator')];
	site.clock.advance(59_000);
	t.is(await use(cp), 200);
	site.clock.advance(59_000);
	t.is(await use(cp), 200, 'use renews it');
	site.clock.advance(61_000);
	t.is(await use(cp), 401);
	t.is(await use(hso), 200);
	site.clock.advance(29 * 60_000);
	t.is(await use(hso), 200);
	site.clock.advance(31 * 60_000);
	t.is(await use(hso), 401);
});

test('cookies are no credential, and no cookie of the BMC is passed on', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const opened = await site.at(null)('POST', `${service}/Sessions`, {
		body: { UserName: 'cp-operator', Password: 'pw-cp-operator' },
	});
	const token = String(opened.headers['x-auth-token']);
	for (const name of ['BMCWEB-SESSION', 'SESSION']) {
		const headers = { cookie: `${name}=${token}`, 'x-xsrf-token': token };
		const answer = await site.at(null)('GET', '/redfish/v1/Systems', { headers });
		t.is(answer.status, 401);
		t.regex(String(answer.headers['www-authenticate']), /^Basic realm=/);
	}
	for (const authorization of [`Token ${token}`, `Bearer ${token}`])
		t.is((await site.at(null)('GET', '/redfish/v1/Systems', { headers: { authorization } })).status, 401);
	t.is((await site.at({ token })('GET', '/redfish/v1/Systems', { headers: { cookie: 'a=b' } })).status, 200);
	t.false(site.spies.node1.received().toLowerCase().includes('cookie'));
	t.false(site.spies.node1.received().includes(token));
});
