// Wrong passwords and stolen tokens, against the whole proxy: who has to wait, who sees it, who ends it.
import test from 'ava';
import { startTestProxy } from '../proxy/start-proxy.ts';

const attacker = '127.0.0.66';
const sessions = '/redfish/v1/SessionService/Sessions';

test('wrong passwords lock one address out; the own party sees it and ends it; all is on record', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const wrong = { name: 'cp-operator', password: 'a guess' };
	for (let i = 0; i < 6; i++)
		t.is((await site.ask(wrong, 'GET', '/p2c/v1/me', { from: attacker })).status, 401);
	const refused = await site.ask('cp-operator', 'GET', '/p2c/v1/me', { from: attacker });
	t.is(refused.status, 429);
	t.is(refused.headers['retry-after'], '1');
	const redfish = await site.at('cp-operator')('GET', '/redfish/v1/Systems', { from: attacker });
	t.is(redfish.status, 429);
	t.is(redfish.headers['retry-after'], '1');
	t.is((await site.ask('cp-operator', 'GET', '/p2c/v1/me')).status, 200, 'elsewhere the operator goes on');

	t.deepEqual((await site.ask('hso-operator', 'GET', '/p2c/v1/lockouts')).json, { lockouts: [] });
	const [lockout] = (await site.ask('cp-two', 'GET', '/p2c/v1/lockouts')).json.lockouts;
	t.like(lockout, { operator: 'cp-operator', from: attacker, failures: 6 });
	const unlock = (who: string) =>
		site.ask(who, 'POST', '/p2c/v1/lockouts/unlock', {
			body: { operator: 'cp-operator', from: lockout.from },
		});
	t.is((await unlock('hso-operator')).status, 404);
	t.deepEqual((await unlock('cp-two')).json, { unlocked: true });
	t.is((await site.ask('cp-operator', 'GET', '/p2c/v1/me', { from: attacker })).status, 200);
	const kept = site.records.flatMap(record => (record.kind === 'lockout' ? [record] : []));
	t.like(kept, [
		{ action: 'lock', operator: 'cp-operator', party: 'CP', from: attacker, failures: 6 },
		{ action: 'unlock', operator: 'cp-operator', party: 'CP', from: attacker, by: 'cp-two' },
	]);
});

test('a token is refused from another address, and that is on record', async t => {
	const site = await startTestProxy();
	t.teardown(() => site.close());
	const body = { UserName: 'cp-operator', Password: 'pw-cp-operator' };
	const opened = await site.at(null)('POST', sessions, { body });
	t.is(opened.status, 201);
	const token = { token: String(opened.headers['x-auth-token']) };
	t.is((await site.at(token)('GET', '/redfish/v1/Systems')).status, 200);
	for (let i = 0; i < 3; i++) {
		const stolen = await site.at(token)('GET', '/redfish/v1/Systems', { from: attacker });
		t.is(stolen.status, 401);
		t.regex(stolen.json.error.message, /another address/);
	}
	t.is((await site.at(token)('GET', '/redfish/v1/Systems')).status, 200);
	const kept = site.records.filter(
		record => record.kind === 'login' && record.outcome === 'SessionElsewhere',
	);
	t.deepEqual(kept, [
		{ kind: 'login', operator: 'cp-operator', outcome: 'SessionElsewhere', from: attacker },
	]);
});
