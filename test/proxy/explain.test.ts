// What would come of a request, through the whole proxy: the same as what does, and nothing comes of asking.
import test from 'ava';
import { startTestProxy, type TestProxy } from './start-proxy.ts';

const system = '/redfish/v1/Systems/system';
const reset = `${system}/Actions/ComputerSystem.Reset`;

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());
test.beforeEach(() => {
	Object.assign(site.world, { up: 8, watts: 880, unavailable: false, whileReading: async () => {} });
});

const explain = (who: string, body: object) => site.ask(who, 'POST', '/p2c/v1/explain', { body });
const call = { bmc: 'node1', method: 'POST', path: reset, body: { ResetType: 'ForceOff' } };

test.serial('it says what the request itself then meets, and leaves no trace', async t => {
	for (const [up, watts, verdict, status] of [
		[8, 880, 'execute', 204],
		[5, 880, 'wait', 202],
		[5, 1000, 'deny', 403],
	] as const) {
		Object.assign(site.world, { up, watts });
		const before = [site.records.length, site.seen.length, site.bmcs.node1.executed.length];
		const told = await explain('hso-operator', call);
		t.is(told.status, 200, told.text);
		t.is(told.json.verdict, verdict);
		t.deepEqual([site.records.length, site.seen.length, site.bmcs.node1.executed.length], before);
		t.is((await site.at('hso-operator')('POST', reset, { body: call.body })).status, status);
	}
});

test.serial('a console is explained like any call, and only where one is', async t => {
	const asked = { bmc: 'node1', method: 'WEBSOCKET', path: '/console0' };
	const { json } = await explain('hso-operator', asked);
	t.like(json, { verdict: 'wait', needs: [['CP']], unknown: null });
	t.is(json.rows[0].operation, 'Open the serial console');
	t.is((await explain('hso-operator', { ...asked, path: '/console0/x' })).status, 400);
	t.is((await explain('hso-operator', { ...asked, path: '/redfish/v1/Systems' })).status, 400);
	t.is((await explain('hso-operator', { ...asked, method: 'GET' })).status, 404);
});

test.serial('the derivation: row, pattern, clauses, terms and values', async t => {
	site.world.up = 5;
	const { json } = await explain('hso-operator', call);
	t.like(json, { as: 'HSO', verdict: 'wait', needs: [['CP']], unknown: null });
	t.is(json.rows.length, 1);
	t.like(json.rows[0], {
		operation: 'Power on, off, reboot $system',
		pattern: 'POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset',
		p2c: '(HSO and cp) or (CP and hso)',
	});
	t.deepEqual(
		json.rows[0].clauses.map((clause: { clause: string; outcome: string }) => [
			clause.clause,
			clause.outcome,
		]),
		[
			['HSO and cp', 'fails'],
			['CP and hso', 'waits'],
		],
	);
	t.deepEqual(json.rows[0].policies.find(({ party }: { party: string }) => party === 'CP').values.at(-2), {
		expression: 'COUNT(External.Servers.State=="Up")',
		value: 5,
	});
});

test.serial('as another party, over several rows of a PATCH, and what no row covers', async t => {
	t.like((await explain('hso-operator', { ...call, as: 'CP' })).json, { as: 'CP', verdict: 'execute' });
	const body = { Boot: { BootSourceOverrideTarget: 'Pxe', TrustedModuleRequiredToBoot: 'Disabled' } };
	const patch = await explain('cp-operator', { bmc: 'node1', method: 'PATCH', path: system, body });
	t.deepEqual(
		patch.json.rows.map((row: { properties: string[] }) => row.properties),
		[['Boot.BootSourceOverrideTarget'], ['Boot.TrustedModuleRequiredToBoot']],
	);
	t.deepEqual(patch.json.needs, [['HSO']]);
	const chassis = await explain('cp-operator', {
		bmc: 'node1',
		method: 'GET',
		path: '/redfish/v1/Chassis/chassis',
	});
	t.deepEqual(chassis.json.rows[0].clauses[1].posts, [
		{ party: 'HSO', rule: 'Chassis.Certificates := null' },
	]);
	const none = await explain('cp-operator', { bmc: 'node1', method: 'GET', path: '/redfish/v1/Nothing' });
	t.like(none.json, { verdict: 'deny', rows: [] });
	t.regex(none.json.unknown, /\n {2}match: GET \/redfish\/v1\/Nothing\n/);
});

test.serial('what cannot be asked', async t => {
	for (const [change, status] of [
		[{ bmc: 'nowhere' }, 404],
		[{ as: 'SI' }, 404],
		[{ path: '/redfish/v1/../x' }, 400],
		[{ method: 'TRACE' }, 400],
		[{ execute: true }, 400],
	] as const) {
		t.is((await explain('hso-operator', { ...call, ...change })).status, status, JSON.stringify(change));
	}
	t.is((await site.ask(null, 'POST', '/p2c/v1/explain', { body: call })).status, 401);
});
