// Every call that HIL's client library makes, as it makes it: no Content-Type, often no body, slashes in ports.
import test from 'ava';
import { type HilBench, startHil } from '../hil.fixture.ts';

const mock = 'http://schema.massopencloud.org/haas/v0/switches/mock';
const uri = 'https://proxy.example/bmc/node-a';

/** A rack of two nodes with a NIC each on one switch, a project for alice and one for bob. */
async function furnish(hil: HilBench): Promise<void> {
	for (const [user, project] of [
		['alice', 'red'],
		['bob', 'blue'],
	]) {
		await hil.ok('PUT', `/v0/project/${project}`);
		await hil.ok('PUT', `/v0/auth/basic/user/${user}`, { password: user, is_admin: false });
		await hil.ok('POST', `/v0/auth/basic/user/${user}/add_project`, { project });
	}
	await hil.ok('PUT', '/v0/switch/tor', { type: mock, hostname: 'tor', username: 'u', password: 'p' });
	for (const [index, node] of ['node-a', 'node-b'].entries()) {
		await hil.ok('PUT', `/v0/node/${node}`, { obmd: { uri, admin_token: 'unused' } });
		await hil.ok('PUT', `/v0/node/${node}/nic/eth0`, { macaddr: '02:00:00:00:00:0a' });
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/0/${index}`);
		await hil.ok('POST', `/v0/switch/tor/port/gi1/0/${index}/connect_nic`, { node, nic: 'eth0' });
	}
}

test('projects and nodes', async t => {
	const hil = await startHil(t);
	await furnish(hil);
	t.deepEqual(await hil.ok('GET', '/v0/projects'), ['blue', 'red']);
	t.deepEqual(await hil.ok('GET', '/v0/nodes/free', undefined, 'bob'), ['node-a', 'node-b']);
	const connected = await hil.call('POST', '/v0/project/red/connect_node', { node: 'node-a' }, 'alice');
	t.like(connected, { status: 200, text: '' });
	t.deepEqual(await hil.ok('GET', '/v0/nodes/free', undefined, 'bob'), ['node-b']);
	t.deepEqual(await hil.ok('GET', '/v0/nodes/all', undefined, 'bob'), ['node-a', 'node-b']);
	t.deepEqual(await hil.ok('GET', '/v0/project/red/nodes', undefined, 'alice'), ['node-a']);
	t.deepEqual(await hil.ok('GET', '/v0/project/red/networks', undefined, 'alice'), []);
	t.deepEqual(await hil.ok('GET', '/v0/project/red/headnodes', undefined, 'alice'), []);
	await hil.ok('PUT', '/v0/node/node-a/metadata/EK', { value: 'abc' });
	const nic = { label: 'eth0', macaddr: '02:00:00:00:00:0a', networks: {} };
	const shown = { name: 'node-a', project: 'red', metadata: { EK: '"abc"' } };
	t.deepEqual(await hil.ok('GET', '/v0/node/node-a', undefined, 'alice'), { ...shown, nics: [nic] });
	t.deepEqual(await hil.ok('GET', '/v0/node/node-a'), {
		...shown,
		nics: [{ ...nic, port: 'gi1/0/0', switch: 'tor' }],
	});
	t.is((await hil.call('GET', '/v0/node/node-a', undefined, 'bob')).status, 401);
	await hil.ok('DELETE', '/v0/node/node-a/metadata/EK');
	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'node-a' }, 'alice');
	await hil.ok('POST', '/v0/switch/tor/port/gi1/0/0/detach_nic');
	await hil.ok('DELETE', '/v0/node/node-a/nic/eth0');
	await hil.ok('DELETE', '/v0/node/node-a');
	t.deepEqual(await hil.ok('GET', '/v0/nodes/all'), ['node-b']);
	t.like(await hil.call('DELETE', '/v0/project/blue'), { status: 200, text: '' });
});

test('networks: created, connected, shown, granted, detached, deleted', async t => {
	const hil = await startHil(t);
	await furnish(hil);
	await hil.ok('POST', '/v0/project/red/connect_node', { node: 'node-a' }, 'alice');
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' }, 'alice');
	await hil.ok('PUT', '/v0/network/outer', { owner: 'admin', access: '', net_id: '7' });
	t.deepEqual(await hil.ok('GET', '/v0/networks'), {
		inner: { network_id: '100', projects: ['red'] },
		outer: { network_id: '7', projects: null },
	});
	t.deepEqual(Object.keys((await hil.ok('GET', '/v0/networks', undefined, 'bob')) as object), ['outer']);
	const path = '/v0/node/node-a/nic/eth0';
	const connected = await hil.call(
		'POST',
		`${path}/connect_network`,
		{ network: 'inner', channel: '' },
		'alice',
	);
	t.is(connected.status, 202);
	const { status_id } = connected.body as { status_id: string };
	await hil.workers.idle();
	t.deepEqual(await hil.ok('GET', `/v0/networking_action/${status_id}`, undefined, 'alice'), {
		status: 'DONE',
		node: 'node-a',
		nic: 'eth0',
		type: 'modify_port',
		channel: 'vlan/native',
		new_network: 'inner',
	});
	t.is((await hil.call('GET', `/v0/networking_action/${status_id}`, undefined, 'bob')).status, 401);
	await hil.ok('POST', `${path}/connect_network`, { network: 'outer', channel: 'vlan/7' }, 'alice');
	await hil.workers.idle();
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/0'), { native: 100, tagged: [7] });
	await hil.ok('PUT', '/v0/network/inner/access/blue', undefined, 'alice');
	t.deepEqual(await hil.ok('GET', '/v0/network/inner', undefined, 'bob'), {
		name: 'inner',
		owner: 'red',
		access: ['red', 'blue'],
		channels: ['vlan/native', 'vlan/100'],
		'connected-nodes': {},
	});
	t.deepEqual(
		((await hil.ok('GET', '/v0/network/inner', undefined, 'alice')) as Record<string, unknown>)[
			'connected-nodes'
		],
		{ 'node-a': ['eth0'] },
	);
	const attached = { 'node-a': { nic: 'eth0', channel: 'vlan/native', project: 'red' } };
	t.deepEqual(await hil.ok('GET', '/v0/network/inner/attachments', undefined, 'alice'), attached);
	t.deepEqual(await hil.ok('GET', '/v0/network/inner/attachments?project=red', undefined, 'alice'), attached);
	t.deepEqual(await hil.ok('GET', '/v0/network/inner/attachments?project=blue', undefined, 'bob'), {});
	await hil.ok('DELETE', '/v0/network/inner/access/blue', undefined, 'bob');
	t.deepEqual(await hil.ok('GET', '/v0/switch/tor/port/gi1/0/0'), {
		node: 'node-a',
		nic: 'eth0',
		networks: { 'vlan/native': 'inner', 'vlan/7': 'outer' },
	});
	t.is((await hil.call('POST', `${path}/detach_network`, { network: 'outer' }, 'alice')).status, 202);
	await hil.workers.idle();
	const reverted = await hil.call('POST', '/v0/switch/tor/port/gi1/0/0/revert');
	t.is(reverted.status, 200);
	t.deepEqual(Object.keys(reverted.body as object), ['status_id']);
	await hil.workers.idle();
	t.deepEqual(hil.mocks.at('tor').ports.get('gi1/0/0'), { native: null, tagged: [] });
	t.like(await hil.call('DELETE', '/v0/network/inner', undefined, 'alice'), { status: 200, text: '' });
});

test('switches and ports, with slashes plain, doubled or encoded', async t => {
	const hil = await startHil(t);
	await furnish(hil);
	t.deepEqual(await hil.ok('GET', '/v0/switches'), ['tor']);
	t.deepEqual(await hil.ok('GET', '/v0//switch/tor'), {
		name: 'tor',
		ports: [{ label: 'gi1/0/0' }, { label: 'gi1/0/1' }],
		capabilities: ['nativeless-trunk-mode'],
	});
	await hil.ok('PUT', '/v0/switch/tor/port/gi1%2F0%2F9');
	t.deepEqual(await hil.ok('GET', '/v0/switch/tor/port/gi1/0/9'), {});
	await hil.ok('DELETE', '/v0/switch/tor/port/gi1/0/9');
	t.like(await hil.call('DELETE', '/v0/switch/tor'), { status: 409 });
});

test('users', async t => {
	const hil = await startHil(t);
	await furnish(hil);
	t.deepEqual(await hil.ok('GET', '/v0/auth/basic/users'), {
		alice: { is_admin: false, projects: ['red'] },
		bob: { is_admin: false, projects: ['blue'] },
		root: { is_admin: true, projects: [] },
	});
	await hil.ok('PATCH', '/v0/auth/basic/user/alice', { is_admin: true });
	await hil.ok('GET', '/v0/projects', undefined, 'alice');
	await hil.ok('PATCH', '/v0/auth/basic/user/alice', { is_admin: false });
	t.is((await hil.call('GET', '/v0/projects', undefined, 'alice')).status, 401, 'at once');
	await hil.ok('POST', '/v0/auth/basic/user/bob/remove_project', { project: 'blue' });
	t.is((await hil.call('GET', '/v0/project/blue/nodes', undefined, 'bob')).status, 401, 'at once');
	await hil.ok('DELETE', '/v0/auth/basic/user/bob');
	t.is((await hil.call('GET', '/v0/nodes/all', undefined, 'bob')).status, 401);
	const extensions = ['hil.ext.auth.database', 'hil.ext.switches.mock'];
	t.deepEqual(await hil.ok('GET', '/v0/active_extensions'), extensions);
	t.is((await hil.call('GET', '/v0/active_extensions', undefined, 'alice')).status, 401);
});

test('headnodes are planned, and say that they cannot run where there is no hypervisor', async t => {
	const hil = await startHil(t, { images: ['debian', 'arch'] });
	await furnish(hil);
	t.deepEqual(await hil.ok('GET', '/v0/headnode_images/', undefined, 'alice'), ['arch', 'debian']);
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' }, 'alice');
	await hil.ok('PUT', '/v0/headnode/h1', { project: 'red', base_img: 'debian' }, 'alice');
	await hil.ok('PUT', '/v0/headnode/h1/hnic/eth0', undefined, 'alice');
	await hil.ok('POST', '/v0/headnode/h1/hnic/eth0/connect_network', { network: 'inner' }, 'alice');
	const shown = (await hil.ok('GET', '/v0/headnode/h1', undefined, 'alice')) as { uuid: string };
	t.deepEqual(shown, {
		name: 'h1',
		project: 'red',
		hnics: ['eth0'],
		base_img: 'debian',
		uuid: shown.uuid,
		vncport: null,
	} as never);
	const started = await hil.call('POST', '/v0/headnode/h1/start', undefined, 'alice');
	t.like(started, { status: 409, body: { type: 'IllegalStateError' } });
	await hil.ok('POST', '/v0/headnode/h1/hnic/eth0/detach_network', undefined, 'alice');
	await hil.ok('DELETE', '/v0/headnode/h1/hnic/eth0', undefined, 'alice');
	await hil.ok('POST', '/v0/headnode/h1/stop', undefined, 'alice');
	t.is((await hil.call('DELETE', '/v0/headnode/h1', undefined, 'bob')).status, 401);
	await hil.ok('DELETE', '/v0/headnode/h1', undefined, 'alice');
});
