// Nodes managed through the real proxy, in front of emulated BMCs: hil is one party's operator and nothing more.
import test from 'ava';
import { startHil } from '../../hil/hil.fixture.ts';
import { createProxyObm } from '../../hil/obm/proxy-obm.ts';
import { startTestProxy, type TestProxy } from '../proxy/start-proxy.ts';

let site: TestProxy;
test.before(async () => {
	site = await startTestProxy();
});
test.after.always(() => site?.close());

async function start(t: Parameters<typeof startHil>[0], operator = 'cp-operator') {
	const obm = createProxyObm([
		{ url: site.url, ca: site.ca, username: operator, password: `pw-${operator}` },
	]);
	t.teardown(() => obm.close());
	const hil = await startHil(t, { obm, obmUrls: [site.url] });
	await hil.ok('PUT', '/v0/project/red');
	for (const node of ['node1', 'node2']) {
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri: `${site.url}/bmc/${node}`, admin_token: '' } });
		await hil.ok('POST', '/v0/project/red/connect_node', { node });
		await hil.ok('PUT', `/v0/node/${node}/obm`, { enabled: true });
	}
	const approve = async () => {
		const { requests } = (await site.ask('hso-operator', 'GET', '/p2c/v1/requests?state=waiting')).json;
		const [{ id, digest }] = requests;
		const answer = await site.ask('hso-operator', 'POST', `/p2c/v1/requests/${id}/approve`, {
			body: { digest },
		});
		if (answer.status !== 200) throw new Error(answer.whole);
	};
	return { hil, approve };
}
const executed = (node: 'node1' | 'node2', path: RegExp) =>
	site.bmcs[node].executed.filter(each => path.test(each.path)).length;

test.serial('power on, status, boot device and cycle, as the policies allow at once', async t => {
	const { hil } = await start(t);
	site.world.up = 8;
	site.world.watts = 100;
	const before = executed('node1', /Reset$/);
	await hil.ok('POST', '/v0/node/node1/power_off');
	t.deepEqual(await hil.ok('GET', '/v0/node/node1/power_status'), { power_status: 'off' });
	await hil.ok('PUT', '/v0/node/node1/boot_device', { bootdev: 'pxe' });
	await hil.ok('POST', '/v0/node/node1/power_cycle', { force: false });
	t.deepEqual(
		await hil.ok('GET', '/v0/node/node1/power_status'),
		{ power_status: 'on' },
		'a cycle powers on',
	);
	await hil.ok('POST', '/v0/node/node1/power_cycle', { force: true });
	t.is(executed('node1', /Reset$/) - before, 3);
	await hil.ok('PUT', '/v0/node/node1/obm', { enabled: false });
	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'node1' });
});

test.serial('what the other party must agree to is a pending action, and done when it agrees', async t => {
	const { hil, approve } = await start(t);
	site.world.watts = 5000;
	const asked = await hil.call('POST', '/v0/node/node1/power_cycle');
	t.is(asked.status, 202, asked.text);
	const { status_id, msg } = asked.body as { status_id: string; msg: string };
	t.is(msg, 'power_cycle of node1 waits for HSO.');
	const look = async () => (await hil.ok('GET', `/v0/networking_action/${status_id}`)) as { status: string };
	t.like(await look(), { status: 'PENDING', node: 'node1', type: 'power_cycle' });
	const leave = () => hil.call('POST', '/v0/project/red/detach_node', { node: 'node1' });
	t.is((await leave()).status, 409);
	await approve();
	t.is((await look()).status, 'DONE');
	site.world.watts = 100;
});

test.serial('a node that changes hands takes no request along: what waits is withdrawn', async t => {
	const { hil } = await start(t);
	site.world.watts = 5000;
	const { status_id } = (await hil.ok('POST', '/v0/node/node2/power_cycle')) as { status_id: string };
	const waiting = async () =>
		(await site.ask('hso-operator', 'GET', '/p2c/v1/requests?state=waiting')).json.requests.length;
	t.is(await waiting(), 1);
	await hil.ok('PUT', '/v0/node/node2/obm', { enabled: false });
	t.is(await waiting(), 0);
	t.like(await hil.ok('GET', `/v0/networking_action/${status_id}`), { status: 'ERROR' });
	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'node2' });
	site.world.watts = 100;
});

test.serial(
	'a node leaves: its power-off waits for the other party, the BMC shows each step, then it is free',
	async t => {
		const { hil, approve } = await start(t);
		site.world.watts = 100;
		await hil.ok('PUT', '/v0/node/node1/boot_device', { bootdev: 'pxe' });
		await hil.ok('POST', '/v0/node/node1/power_on');
		site.world.watts = 5000;
		const { status_id } = (await hil.ok('POST', '/v1/project/red/release_node', { node: 'node1' })) as {
			status_id: string;
		};
		const look = async () => (await hil.ok('GET', `/v1/departure/${status_id}`)) as { status: string };
		await hil.departures.idle();
		t.like(await look(), { status: 'PENDING', stage: 'power-off', waits_for: 'HSO' });
		await approve();
		for (let turn = 0; turn < 10 && (await look()).status === 'PENDING'; turn++) {
			hil.clock.advance(5000);
			site.clock.advance(1000);
			await hil.departures.idle();
		}
		t.like(await look(), { status: 'DONE', error: null });
		t.true(((await hil.ok('GET', '/v0/nodes/free')) as string[]).includes('node1'));
		const system = await site.at('cp-operator')('GET', '/redfish/v1/Systems/system');
		t.is(system.json.PowerState, 'Off');
		t.is(system.json.Boot.BootSourceOverrideEnabled, 'Disabled');
		site.world.watts = 100;
	},
);

test.serial('a log-in that has ended is opened again; a wrong account and a missing BMC say so', async t => {
	const { hil } = await start(t);
	await hil.ok('GET', '/v0/node/node1/power_status');
	site.clock.advance(2 * 24 * 3_600_000);
	await hil.ok('GET', '/v0/node/node1/power_status');
	await hil.ok('PUT', '/v0/node/lost', { obmd: { uri: `${site.url}/bmc/lost`, admin_token: '' } });
	await hil.ok('PUT', '/v0/node/lost/obm', { enabled: true });
	t.like(await hil.call('GET', '/v0/node/lost/power_status'), { status: 500, body: { type: 'OBMError' } });
	const { hil: other } = await start(t, 'hso-gone');
	const refused = await other.call('GET', '/v0/node/node1/power_status');
	t.like(refused, { status: 500, body: { type: 'OBMError' } });
	t.false(refused.text.includes('pw-'));
});

test.serial(
	'a console opens when both parties agree, is streamed, and ends when its node is taken away',
	async t => {
		const { hil, approve } = await start(t);
		const first = await hil.call('GET', '/v0/node/node1/console');
		t.is(first.status, 202, first.text);
		await approve();
		const headers = { authorization: `Basic ${Buffer.from('root:root').toString('base64')}` };
		const opened = await fetch(`${hil.url}/v0/node/node1/console`, { headers });
		t.is(opened.status, 200, 'approved: opened by asking again');
		const reader = opened.body?.getReader();
		site.world.watts = 100;
		await hil.ok('POST', '/v0/node/node1/power_cycle', { force: true });
		let shown = '';
		while (!shown.includes('firmware')) shown += Buffer.from((await reader?.read())?.value ?? []).toString();
		await hil.ok('PUT', '/v0/node/node1/obm', { enabled: false });
		while ((await reader?.read())?.done === false);
		t.pass();
	},
);
