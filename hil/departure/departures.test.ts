// A node that leaves a project: off, its ports clear, its boot device reset, then free; in that order, each seen on the
// device, through faults and restarts.
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../common/log/logger.ts';
import { type HilBench, startHil } from '../hil.fixture.ts';
import { createMemoryObm } from '../obm/memory-obm.fixture.ts';
import { createDepartures } from './departures.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';
const uri = 'https://p/bmc/n1';
const clear = { native: null, tagged: [] };

async function start(t: ExecutionContext, options: { hasObm?: boolean; detachReleases?: boolean } = {}) {
	const obm = createMemoryObm();
	const { hasObm = true, detachReleases = false } = options;
	const hil = await startHil(t, { detachReleases, ...(hasObm && { obm }) });
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/alice', { password: 'alice' });
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'red' });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri, admin_token: '' } });
	for (const index of [0, 1]) {
		await hil.ok('PUT', `/v0/node/n1/nic/eth${index}`, { macaddr: '' });
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/${index}`);
		await hil.ok('POST', `/v0/switch/tor/port/gi1/${index}/connect_nic`, { node: 'n1', nic: `eth${index}` });
	}
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' });
	await hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'inner' });
	await settle(hil);
	const release = async () =>
		((await hil.ok('POST', '/v1/project/red/release_node', { node: 'n1' }, 'alice')) as { status_id: string })
			.status_id;
	const look = async (id: string) =>
		(await hil.ok('GET', `/v1/departure/${id}`, undefined, 'alice')) as { status: string; stage: string };
	const isFree = async () => ((await hil.ok('GET', '/v0/nodes/free')) as string[]).includes('n1');
	return { hil, obm, machine: obm.at(uri), mock: hil.mocks.at('tor'), release, look, isFree };
}

/** Lets everything that is under way come to rest. */
async function settle(hil: HilBench, ms = 0): Promise<void> {
	for (let passed = 0; passed <= ms; passed += 500) {
		if (passed > 0) hil.clock.advance(500);
		for (let turn = 0; turn < 4; turn++) {
			await hil.departures.idle();
			await hil.workers.idle();
		}
	}
}

test('off, ports clear, boot device reset, free', async t => {
	const { hil, machine, mock, release, look, isFree } = await start(t);
	// Nobody recorded this: it is taken off all the same.
	mock.ports.set('gi1/1', { native: 66, tagged: [67] });
	const id = await release();
	await settle(hil);
	t.deepEqual(machine.done, ['off', 'boot none']);
	t.deepEqual([mock.ports.get('gi1/0'), mock.ports.get('gi1/1')], [clear, clear]);
	t.like(await look(id), { status: 'DONE', stage: 'free' });
	t.true(await isFree());
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' }, 'alice');
});

test('where the site says so, a node that its project detaches is off and clear before it is free', async t => {
	const { hil, machine, mock, isFree } = await start(t, { detachReleases: true });
	const detach = { do: 'detach_node', project: 'red', node: 'n1' };
	const off = '/v0/node/n1/nic/eth0/detach_network';
	t.is(
		(await hil.call('POST', '/v0/project/red/detach_node', { node: 'n1' }, 'alice')).status,
		409,
		'as ever',
	);
	await hil.ok('POST', off, { network: 'inner' }, 'alice');
	await settle(hil);
	mock.ports.set('gi1/1', { native: 66, tagged: [67] });
	machine.slowOff = true;

	// In a change it may go from one project to another, and not become free.
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('POST', '/v0/auth/basic/user/alice/add_project', { project: 'blue' });
	const freed = await hil.call('POST', '/v1/changes', { steps: [detach] }, 'alice');
	t.like(freed, { status: 409, body: { type: 'BlockedError' } });
	t.regex(freed.text, /Step 1 .*release_node/);
	const over = { ...detach, do: 'connect_node', project: 'blue' };
	await hil.ok('POST', '/v1/changes', { steps: [detach, over] }, 'alice');
	const back = [
		{ ...detach, project: 'blue' },
		{ ...over, project: 'red' },
	];
	await hil.ok('POST', '/v1/changes', { steps: back }, 'alice');
	t.deepEqual(machine.done, []);

	// HIL's own call, with HIL's own answer.
	t.like(await hil.call('POST', '/v0/project/red/detach_node', { node: 'n1' }, 'alice'), {
		status: 200,
		text: '',
	});
	await settle(hil);
	t.deepEqual(machine.done, ['off']);
	t.false(await isFree());
	t.is((await hil.call('POST', '/v0/project/blue/connect_node', { node: 'n1' }, 'alice')).status, 409);
	(machine.slowOff as unknown as () => void)();
	await settle(hil, 5000);
	t.true(await isFree());
	t.deepEqual(machine.done, ['off', 'boot none']);
	t.deepEqual(mock.ports.get('gi1/1'), clear);

	// Administrators, and the site's services, know what they give back.
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'n1' });
	t.is((await hil.call('POST', '/v1/changes', { steps: [detach] })).status, 200);
	t.true(await isFree());
});

test('while it is leaving, its project can do nothing to it', async t => {
	const { hil, machine, release, isFree } = await start(t);
	machine.slowOff = true;
	await release();
	await settle(hil);
	const refused = async (method: string, path: string, body?: unknown) =>
		t.like(
			await hil.call(method, path, body, 'alice'),
			{ status: 409, body: { type: 'BlockedError' } },
			path,
		);
	t.like(await hil.ok('GET', '/v1/project/red'), { nodes: 1, managed: [] });
	await refused('POST', '/v0/node/n1/power_on');
	await refused('PUT', '/v0/node/n1/obm', { enabled: true });
	await refused('POST', '/v0/node/n1/nic/eth1/connect_network', { network: 'inner' });
	await refused('POST', '/v0/node/n1/nic/eth0/detach_network', { network: 'inner' });
	await refused('POST', '/v0/project/red/detach_node', { node: 'n1' });
	await refused('POST', '/v1/project/red/release_node', { node: 'n1' });
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0'), { native: 100, tagged: [] }, 'still off to come');
	(machine.slowOff as unknown as () => void)();
	await settle(hil, 2000);
	t.true(await isFree());
});

test('what the other party must agree to is waited for; a refusal leaves the node where it is', async t => {
	const { hil, obm, machine, release, look, isFree } = await start(t);
	machine.mustWait = true;
	const first = await release();
	await settle(hil);
	t.like(await look(first), { status: 'PENDING', stage: 'power-off' });
	obm.decide('request-1', false);
	await settle(hil, 6000);
	t.like(await look(first), { status: 'ERROR', error: 'the power-off was not approved' });
	t.false(await isFree());
	const second = await release();
	await settle(hil);
	obm.decide('request-2', true);
	await settle(hil, 6000);
	t.like(await look(second), { status: 'PENDING', stage: 'boot-device' });
	t.false(await isFree());
	obm.decide('request-3', true);
	await settle(hil, 6000);
	t.like(await look(second), { status: 'DONE' });
	t.true(await isFree());
});

test('a BMC that does not answer and a switch that refuses hold it up, with the reason, until they do', async t => {
	const { hil, machine, mock, release, look, isFree } = await start(t);
	machine.isAway = true;
	const id = await release();
	await settle(hil, 3000);
	t.like(await look(id), { status: 'PENDING', stage: 'power-off', error: 'the BMC does not answer' });
	machine.isAway = false;
	mock.trouble = { kind: 'refuses', reason: 'locked by another session' };
	await settle(hil, 10_000);
	t.like(await look(id), { status: 'PENDING', stage: 'ports', error: 'locked by another session' });
	t.false(await isFree());
	mock.trouble = undefined;
	await settle(hil, 60_000);
	t.like(await look(id), { status: 'DONE' });
	t.deepEqual(mock.ports.get('gi1/0'), clear);
	t.true(await isFree());
});

test('what the project had waiting is withdrawn first', async t => {
	const { hil, obm, machine, release, isFree } = await start(t);
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true }, 'alice');
	machine.mustWait = true;
	t.is((await hil.call('POST', '/v0/node/n1/power_on', undefined, 'alice')).status, 202);
	machine.mustWait = false;
	await release();
	await settle(hil);
	t.is(obm.requests.get('request-1'), 'failed');
	t.true(await isFree());
});

test('the next process goes on where the last one stopped', async t => {
	const { hil, obm, machine, release, isFree } = await start(t);
	machine.isAway = true;
	await release();
	await settle(hil);
	await hil.departures.close();
	machine.isAway = false;
	hil.clock.advance(120_000);
	t.false(await isFree());
	const next = createDepartures({
		store: hil.store,
		obm,
		wakeSwitch: label => hil.workers.wake(label),
		world: () => ({
			actor: { name: 'hil', isAdmin: true, projects: new Set() },
			now: 0,
			newId: () => crypto.randomUUID(),
			switchKinds: new Map(),
			seal: text => text,
			images: [],
			maintenance: undefined,
			obmUrls: [],
		}),
		onLeft: () => undefined,
		clock: hil.clock,
		random: () => 0.5,
		logger: silentLogger,
	});
	t.teardown(() => next.close());
	await next.start();
	for (let turn = 0; turn < 5; turn++) {
		await next.idle();
		await hil.workers.idle();
		hil.clock.advance(1000);
	}
	t.true(await isFree());
});

test('where no nodes are managed, the ports are cleared and it is free', async t => {
	const { hil, machine, mock, release, isFree } = await start(t, { hasObm: false });
	await release();
	await settle(hil, 2000);
	t.deepEqual(machine.done, []);
	t.deepEqual(mock.ports.get('gi1/0'), clear);
	t.true(await isFree());
});
