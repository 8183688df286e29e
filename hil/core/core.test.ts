// The rules of docs/hil.md that name a reason, one by one; model.test.ts has what must hold whatever happens.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSqliteStore } from '../../common/store/sqlite-store.ts';
import { networks } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { users } from '../model/project.ts';
import { switches, switchSecrets } from '../model/switch.ts';
import { completeAction, failAction, pendingOn, planAction, showAction } from './actions.ts';
import { actor, codeOf, createBench, nativeFirstSwitch, root } from './bench.fixture.ts';
import { connectNetwork, detachNetwork } from './connections.ts';
import * as headnodes from './headnodes.ts';
import { announcements } from './maintenance.ts';
import { deleteMetadata, setMetadata } from './metadata.ts';
import * as net from './networks.ts';
import * as node from './nodes.ts';
import * as project from './projects.ts';
import * as device from './switches.ts';
import * as user from './users.ts';
import { setVlanPool } from './vlans.ts';

const alice = actor('alice', 'red');
const bob = actor('bob', 'blue');
const eth0 = (of: string) => ({ node: of, nic: 'eth0' });

async function withNetworks(options: Parameters<typeof createBench>[0] & { type?: string } = {}) {
	const bench = await createBench(options);
	const { type } = options;
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n1', 'n2'], ...(type && { type }) });
	await bench.do('project.connect-node', project.connectNode, { project: 'red', node: 'n1' }, alice);
	const red = { network: 'rednet', owner: 'red', access: 'red', net_id: '' };
	await bench.do('network.create', net.createNetwork, red, alice);
	const attach = (network: string, channel?: string) =>
		bench.do('node.connect-network', connectNetwork, { ...eth0('n1'), network, channel }, alice);
	const detach = (network: string) =>
		bench.do('node.detach-network', detachNetwork, { ...eth0('n1'), network }, alice);
	const done = (id: string) => bench.inside(tx => completeAction(tx, id, 2000));
	const admins = (network: string, access: string, net_id = '') =>
		bench.do('network.create', net.createNetwork, { network, owner: 'admin', access, net_id });
	return { bench, attach, detach, done, admins };
}

test('a node is given to one project, and nobody else gets it', async t => {
	const bench = await createBench();
	await bench.furnish({ projects: ['red', 'blue'], nodes: ['n1'] });
	const outcomes = await Promise.all([
		codeOf(bench.do('project.connect-node', project.connectNode, { project: 'red', node: 'n1' }, alice)),
		codeOf(bench.do('project.connect-node', project.connectNode, { project: 'blue', node: 'n1' }, bob)),
	]);
	t.deepEqual(outcomes.sort(), ['BlockedError', 'ok']);
});

test('of fifty callers that race for one node on disk, one gets it', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'hil-race-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const store = await openSqliteStore({ file: join(folder, 'hil.db') });
	t.teardown(() => store.close());
	const bench = await createBench({ store });
	const teams = Array.from({ length: 50 }, (_, index) => `team${index}`);
	await bench.furnish({ projects: teams, nodes: ['n1'] });
	const outcomes = await Promise.all(
		teams.map(team =>
			codeOf(
				bench.do(
					'project.connect-node',
					project.connectNode,
					{ project: team, node: 'n1' },
					actor(team, team),
				),
			),
		),
	);
	t.is(outcomes.filter(each => each === 'ok').length, 1);
	t.is(outcomes.filter(each => each === 'BlockedError').length, 49);
	const winner = teams[outcomes.indexOf('ok')];
	t.is((await store.read(tx => tx.get(nodes, 'n1')))?.project, winner);
});

test('a node is detached only from its project, and not while something of it is in use', async t => {
	const { bench, attach, detach, done } = await withNetworks();
	const leave = (of: string, who = root) =>
		codeOf(bench.do('project.detach-node', project.detachNode, { project: of, node: 'n1' }, who));
	t.is(await leave('blue', bob), 'NotFoundError');
	t.is(await leave('red', bob), 'AuthorizationError');
	const first = await attach('rednet');
	t.is(await leave('red'), 'BlockedError');
	await done(first.id);
	t.is(await leave('red'), 'BlockedError');
	await done((await detach('rednet')).id);
	await bench.do('node.set-obm', node.setObm, { node: 'n1', enabled: true }, alice);
	t.is(await leave('red'), 'BlockedError');
	await bench.do('node.set-obm', node.setObm, { node: 'n1', enabled: false }, alice);
	t.is(await leave('red', alice), 'ok');
	t.deepEqual(await bench.see('node.list', node.listNodes, { pool: 'free' }), ['n1', 'n2']);
});

test('with a maintenance pool a node goes there, and that is to be told; from there it is free', async t => {
	const bench = await createBench({ maintenance: 'care' });
	await bench.furnish({ projects: ['red'], nodes: ['n1'] });
	await bench.do('project.connect-node', project.connectNode, { project: 'red', node: 'n1' }, alice);
	const leave = (of: string) =>
		codeOf(bench.do('project.detach-node', project.detachNode, { project: of, node: 'n1' }));
	t.is(await leave('red'), 'NotFoundError', 'never free because the pool was forgotten');
	await bench.do('project.create', project.createProject, { project: 'care' });
	t.is(await leave('red'), 'ok');
	t.is((await bench.store.read(tx => tx.get(nodes, 'n1')))?.project, 'care');
	const told = await bench.store.read(tx => tx.list(announcements));
	t.deepEqual(
		told.map(({ document }) => document),
		[{ node: 'n1', from: 'red', at: 1000 }],
	);
	t.is(await leave('care'), 'ok');
	t.is((await bench.store.read(tx => tx.get(nodes, 'n1')))?.project, null);
	t.is((await bench.store.read(tx => tx.list(announcements))).length, 1);
});

test('taking the last project from a network leaves it to nobody, not to everybody', async t => {
	const { bench, admins } = await withNetworks();
	await admins('shared', 'blue');
	const revoke = { network: 'shared', project: 'blue' };
	await bench.do('network.revoke', net.revokeAccess, revoke, bob);
	t.deepEqual((await bench.store.read(tx => tx.get(networks, 'shared')))?.access, []);
	t.is(
		await codeOf(bench.see('network.show', net.showNetwork, { network: 'shared' }, bob)),
		'AuthorizationError',
	);
	t.deepEqual(await bench.see('network.list', net.listNetworks, {}, alice), {});
	t.is(await codeOf(bench.do('network.revoke', net.revokeAccess, revoke)), 'NotFoundError');
});

test('granting a project access to a public network does not shut the others out', async t => {
	const { bench, admins, attach } = await withNetworks();
	await admins('open', '');
	const grant = { network: 'open', project: 'blue' };
	t.is(await codeOf(bench.do('network.grant', net.grantAccess, grant)), 'DuplicateError');
	t.is(await codeOf(attach('open')), 'ok');
});

test("a project's network: its owner has access for good, its VLAN is of the pool", async t => {
	const { bench } = await withNetworks();
	const make = (args: object) =>
		codeOf(
			bench.do(
				'network.create',
				net.createNetwork,
				{ network: 'x', owner: 'red', access: 'red', net_id: '', ...args },
				alice,
			),
		);
	t.is(await make({ access: 'blue' }), 'BadArgumentError');
	t.is(await make({ access: '' }), 'BadArgumentError');
	t.is(await make({ net_id: '7' }), 'BadArgumentError');
	t.is(await make({ owner: 'admin' }), 'AuthorizationError');
	t.is(await make({ owner: 'blue', access: 'blue' }), 'AuthorizationError');
	t.is(await make({ network: 'a/b' }), 'BadArgumentError');
	t.is(await make({}), 'ok');
	t.is(await make({}), 'DuplicateError');
	const revoke = { network: 'x', project: 'red' };
	t.is(await codeOf(bench.do('network.revoke', net.revokeAccess, revoke, alice)), 'BlockedError');
	t.is(await make({ network: 'y' }), 'ok');
	t.is(await make({ network: 'z' }), 'AllocationError', 'three VLANs, three networks');
	await bench.do('network.delete', net.deleteNetwork, { network: 'y' }, alice);
	t.is(await make({ network: 'z' }), 'ok');
});

test('VLANs: 1 to 4094, each to one network, whether of the pool or not', async t => {
	const { admins, bench } = await withNetworks();
	for (const wrong of ['0', '4095', '4096', '-1', '1.5', '01', '1e3', ' 5', 'five']) {
		t.is(await codeOf(admins('x', '', wrong)), 'BadArgumentError', wrong);
	}
	t.is(await codeOf(admins('low', '', '1')), 'ok');
	t.is(await codeOf(admins('high', '', '4094')), 'ok');
	t.is(await codeOf(admins('again', '', '4094')), 'BlockedError');
	t.is(await codeOf(admins('pooled', '', '101')), 'ok');
	t.is((await bench.store.read(tx => tx.get(networks, 'pooled')))?.allocated, true);
	t.is((await bench.store.read(tx => tx.get(networks, 'high')))?.allocated, false);
	await bench.inside(tx => setVlanPool(tx, new Set([102, 4094])));
	t.is(await codeOf(admins('last', '')), 'ok');
	t.is(await codeOf(admins('none', '')), 'AllocationError', '100 and 101 are taken, 4094 as well');
	await bench.do('network.delete', net.deleteNetwork, { network: 'high' });
	t.is(await codeOf(admins('next', '')), 'ok');
	await bench.do('network.delete', net.deleteNetwork, { network: 'pooled' });
	t.is(await codeOf(admins('beyond', '')), 'AllocationError', '101 left the pool');
});

test('connecting a network: the node, its port, access, channel', async t => {
	const { bench, attach, done, admins } = await withNetworks();
	await admins('bluenet', 'blue', '200');
	const other = { ...eth0('n2'), network: 'rednet' };
	t.is(await codeOf(bench.do('node.connect-network', connectNetwork, other)), 'ProjectMismatchError');
	t.is(await codeOf(attach('bluenet')), 'ProjectMismatchError');
	t.is(await codeOf(attach('nothing')), 'NotFoundError');
	t.is(await codeOf(attach('rednet', 'vlan/5')), 'BadArgumentError');
	t.is(await codeOf(attach('rednet', 'eth')), 'BadArgumentError');
	const first = await attach('rednet', '');
	t.is(await codeOf(attach('rednet')), 'BlockedError', 'one action at a time');
	await done(first.id);
	t.is(await codeOf(attach('rednet', 'vlan/100')), 'BlockedError', 'once on a NIC');
	await bench.do('network.grant', net.grantAccess, { network: 'bluenet', project: 'red' });
	t.is(await codeOf(attach('bluenet')), 'BlockedError', 'one on a channel');
	await done((await attach('bluenet', 'vlan/200')).id);
	const shown = await bench.see('node.show', node.showNode, { node: 'n1' }, alice);
	t.deepEqual(shown.nics, [
		{
			label: 'eth0',
			macaddr: '02:00:00:00:00:01',
			networks: { 'vlan/native': 'rednet', 'vlan/200': 'bluenet' },
		},
	]);
	t.like((await bench.see('node.show', node.showNode, { node: 'n1' })).nics[0], { port: 'p0', switch: 's1' });
	t.is(
		await codeOf(bench.do('network.revoke', net.revokeAccess, { network: 'bluenet', project: 'red' })),
		'BlockedError',
	);
	t.is(await codeOf(bench.do('network.delete', net.deleteNetwork, { network: 'bluenet' })), 'BlockedError');
	t.deepEqual(
		await bench.see(
			'network.list-attachments',
			net.listAttachments,
			{ network: 'bluenet', project: 'red' },
			alice,
		),
		{ n1: { nic: 'eth0', channel: 'vlan/200', project: 'red' } },
	);
	t.is(
		await codeOf(bench.see('network.list-attachments', net.listAttachments, { network: 'bluenet' }, bob)),
		'AuthorizationError',
	);
});

test('while a network is being connected, access to it cannot be taken nor the network deleted', async t => {
	const { bench, attach, admins } = await withNetworks();
	await admins('guest', 'red', '200');
	const { id } = await attach('guest');
	const revoke = { network: 'guest', project: 'red' };
	t.is(await codeOf(bench.do('network.revoke', net.revokeAccess, revoke)), 'BlockedError');
	t.is(await codeOf(bench.do('network.delete', net.deleteNetwork, { network: 'guest' })), 'BlockedError');
	await bench.inside(tx => failAction(tx, id, 'the switch said no', 3000));
	t.is((await bench.see('action.show', showAction, { id }, alice)).status, 'ERROR');
	t.is(await codeOf(bench.do('network.revoke', net.revokeAccess, revoke)), 'ok');
});

test('a switch without nativeless trunks takes the native network first and gives it up last', async t => {
	const { attach, detach, done, admins } = await withNetworks({ type: nativeFirstSwitch });
	await admins('guest', 'red', '200');
	t.is(await codeOf(attach('guest', 'vlan/200')), 'BlockedError');
	await done((await attach('rednet')).id);
	await done((await attach('guest', 'vlan/200')).id);
	t.is(await codeOf(detach('rednet')), 'BlockedError');
	await done((await detach('guest')).id);
	t.is(await codeOf(detach('guest')), 'BadArgumentError');
	t.is(await codeOf(detach('rednet')), 'ok');
});

test('an action whose NIC lost its port is told from one to carry out; actions come in their order', async t => {
	const { bench, attach, done } = await withNetworks();
	await done((await attach('rednet')).id);
	const port = { switch: 's1', port: 'p0' };
	const revert = await bench.do('port.revert', device.revertPort, port);
	t.is(await codeOf(bench.do('port.revert', device.revertPort, port)), 'BlockedError');
	const second = await bench.do('port.revert', device.revertPort, { switch: 's1', port: 'p1' });
	const pending = await bench.store.read(tx => pendingOn(tx, 's1'));
	t.deepEqual(
		pending.map(({ id }) => id),
		[revert.id, second.id],
	);
	t.like(await bench.store.read(tx => planAction(tx, revert.id)), {
		kind: 'change',
		port: 'p0',
		before: { native: 100, tagged: [] },
		wanted: { native: null, tagged: [] },
	});
	await bench.inside(async tx => {
		const { nics } = await import('../model/node.ts');
		const found = await tx.get(nics, 'n1/eth0');
		if (found) await tx.put(nics, 'n1/eth0', { ...found, port: null });
	});
	t.is((await bench.store.read(tx => planAction(tx, revert.id))).kind, 'lost');
	await done(second.id);
	t.is((await bench.store.read(tx => planAction(tx, second.id))).kind, 'ended');
});

test('what is in use is not deleted', async t => {
	const { bench } = await withNetworks();
	const blocked = async (promise: Promise<unknown>) => t.is(await codeOf(promise), 'BlockedError');
	await blocked(bench.do('project.delete', project.deleteProject, { project: 'red' }));
	await blocked(bench.do('node.delete', node.deleteNode, { node: 'n1' }));
	await blocked(bench.do('node.delete', node.deleteNode, { node: 'n2' }));
	await blocked(bench.do('node.delete-nic', node.deleteNic, eth0('n2')));
	await blocked(bench.do('port.delete', device.deletePort, { switch: 's1', port: 'p1' }));
	await blocked(bench.do('switch.delete', device.deleteSwitch, { switch: 's1' }));
	await blocked(bench.do('port.detach-nic', device.detachNic, { switch: 's1', port: 'p0' }));
	await bench.do('port.detach-nic', device.detachNic, { switch: 's1', port: 'p1' });
	const again = bench.do('port.detach-nic', device.detachNic, { switch: 's1', port: 'p1' });
	t.is(await codeOf(again), 'NotFoundError');
	await bench.do('node.delete-nic', node.deleteNic, eth0('n2'));
	await bench.do('node.set-metadata', setMetadata, { node: 'n2', label: 'rack', value: { row: 1 } });
	await bench.do('node.delete', node.deleteNode, { node: 'n2' });
	const obmd = { uri: 'https://proxy.example/bmc/n2' };
	await bench.do('node.register', node.registerNode, { node: 'n2', obmd, metadata: { ram: 64 } });
	t.deepEqual((await bench.see('node.show', node.showNode, { node: 'n2' }, bob)).metadata, { ram: '64' });
	await bench.do('port.delete', device.deletePort, { switch: 's1', port: 'p1' });
});

test('a port has one NIC and a NIC one port; ports are called as the switch calls them', async t => {
	const { bench } = await withNetworks();
	const plug = (port: string, of: string) =>
		codeOf(bench.do('port.connect-nic', device.connectNic, { switch: 's1', port, ...eth0(of) }));
	t.is(await plug('p0', 'n2'), 'DuplicateError');
	t.is(await plug('p9', 'n2'), 'NotFoundError');
	const register = (port: string) =>
		codeOf(bench.do('port.register', device.registerPort, { switch: 's1', port }));
	t.is(await register('gi1'), 'BadArgumentError');
	t.is(await register('p1/2'), 'ok');
	t.is(await register('p1/2'), 'DuplicateError');
	t.is(await plug('p1/2', 'n2'), 'DuplicateError');
	t.deepEqual(await bench.see('port.show', device.showPort, { switch: 's1', port: 'p1/2' }), {});
	t.deepEqual(await bench.see('port.show', device.showPort, { switch: 's1', port: 'p0' }), {
		...eth0('n1'),
		networks: {},
	});
});

test("a switch's secrets are kept apart, sealed; what does not fit its type is refused", async t => {
	const { bench } = await withNetworks();
	const text = JSON.stringify(await bench.store.read(tx => tx.list(switches)));
	t.false(text.includes('secret'));
	t.regex((await bench.store.read(tx => tx.get(switchSecrets, 's1')))?.sealed ?? '', /^sealed:/);
	const register = (settings: object, type = nativeFirstSwitch) =>
		codeOf(bench.do('switch.register', device.registerSwitch, { switch: 's2', type, ...settings }));
	t.is(await register({ host: 'h' }), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p', more: 1 }), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p' }, 'urn:none'), 'BadArgumentError');
	t.is(await register({ host: 'h', password: 'p' }), 'ok');
	t.deepEqual(await bench.see('switch.show', device.showSwitch, { switch: 's1' }), {
		name: 's1',
		ports: [{ label: 'p0' }, { label: 'p1' }],
		capabilities: ['nativeless-trunk-mode'],
	});
	await bench.do('switch.delete', device.deleteSwitch, { switch: 's2' });
	t.is(await bench.store.read(tx => tx.get(switchSecrets, 's2')), undefined);
});

test("a node's management is addressed at the proxy and nowhere else", async t => {
	const bench = await createBench();
	for (const uri of [
		'https://elsewhere.example/bmc/n1',
		'https://proxy.example/other',
		'https://u:p@proxy.example/bmc/n1',
		'https://proxy.example/bmc/n1/redfish',
		'https://proxy.example/bmc/n1?x=1',
		'nothing',
	]) {
		const made = bench.do('node.register', node.registerNode, { node: 'n1', obmd: { uri } });
		t.is(await codeOf(made), 'BadArgumentError', uri);
	}
	for (const name of ['', '.', '..', 'a/b', 'ü', 'x'.repeat(129)]) {
		const obmd = { uri: 'https://proxy.example/bmc/n1' };
		const made = bench.do('node.register', node.registerNode, { node: name, obmd });
		t.is(await codeOf(made), 'BadArgumentError', name);
	}
});

test('metadata are set, changed and deleted', async t => {
	const { bench } = await withNetworks();
	const set = (value: unknown) =>
		bench.do('node.set-metadata', setMetadata, { node: 'n1', label: 'gpu', value });
	await set('A100');
	await set(['A100', null]);
	t.is((await bench.see('node.show', node.showNode, { node: 'n1' })).metadata.gpu, '["A100",null]');
	t.is(await codeOf(set('x'.repeat(70_000))), 'BadArgumentError');
	await bench.do('node.delete-metadata', deleteMetadata, { node: 'n1', label: 'gpu' });
	const again = bench.do('node.delete-metadata', deleteMetadata, { node: 'n1', label: 'gpu' });
	t.is(await codeOf(again), 'NotFoundError');
});

test('users: memberships end with their project; nobody deletes or changes themselves', async t => {
	const bench = await createBench();
	await bench.do('project.create', project.createProject, { project: 'red' });
	const reserved = bench.do('project.create', project.createProject, { project: 'admin' });
	t.is(await codeOf(reserved), 'BadArgumentError');
	const make = () => codeOf(bench.do('user.create', user.createUser, { user: 'alice', hash: 'h' }));
	t.is(await make(), 'ok');
	t.is(await make(), 'DuplicateError');
	const both = { user: 'alice', project: 'red' };
	await bench.do('user.change-projects', user.addToProject, both);
	t.is(await codeOf(bench.do('user.change-projects', user.addToProject, both)), 'DuplicateError');
	t.deepEqual(await bench.see('user.list', user.listUsers, {}), {
		alice: { is_admin: false, projects: ['red'] },
	});
	await bench.do('project.delete', project.deleteProject, { project: 'red' });
	t.deepEqual((await bench.store.read(tx => tx.get(users, 'alice')))?.projects, []);
	await bench.do('project.create', project.createProject, { project: 'red' });
	t.is(await codeOf(bench.do('user.change-projects', user.removeFromProject, both)), 'NotFoundError');
	await bench.do('user.set-admin', user.setAdmin, { user: 'alice', is_admin: true });
	const self = { ...root, name: 'alice' };
	t.is(
		await codeOf(bench.do('user.set-admin', user.setAdmin, { user: 'alice', is_admin: false }, self)),
		'IllegalStateError',
	);
	t.is(await codeOf(bench.do('user.delete', user.deleteUser, { user: 'alice' }, self)), 'IllegalStateError');
	t.is(await codeOf(bench.do('user.delete', user.deleteUser, { user: 'alice' })), 'ok');
});

test('headnodes: changed until they are started; on networks of the pool that their project may use', async t => {
	const { bench, admins } = await withNetworks();
	await admins('outside', 'red', '200');
	await admins('bluenet', 'blue');
	const of = { headnode: 'h1', project: 'red' };
	const make = (base_img: string) =>
		codeOf(bench.do('headnode.create', headnodes.createHeadnode, { ...of, base_img }, alice));
	t.is(await make('unknown'), 'BadArgumentError');
	t.is(await make('debian'), 'ok');
	t.is(await make('debian'), 'DuplicateError');
	const hnic = { headnode: 'h1', hnic: 'eth0' };
	await bench.do('headnode.change', headnodes.createHnic, hnic, alice);
	const connect = (network: string) =>
		codeOf(bench.do('headnode.change', headnodes.connectHnic, { ...hnic, network }, alice));
	t.is(await connect('outside'), 'BadArgumentError');
	t.is(await connect('bluenet'), 'ProjectMismatchError');
	t.is(await connect('rednet'), 'ok');
	t.is(await codeOf(bench.do('network.delete', net.deleteNetwork, { network: 'rednet' })), 'BlockedError');
	const machine = await bench.do('headnode.start', headnodes.freezeHeadnode, { headnode: 'h1' }, alice);
	t.deepEqual(machine.nics, [{ label: 'eth0', vlan: 100 }]);
	t.is(await connect('rednet'), 'IllegalStateError');
	t.is(await codeOf(bench.do('headnode.change', headnodes.detachHnic, hnic)), 'IllegalStateError');
	t.is(await codeOf(bench.do('headnode.change', headnodes.deleteHnic, hnic)), 'IllegalStateError');
	t.is(
		await codeOf(bench.see('headnode.show', headnodes.showHeadnode, { headnode: 'h1' }, bob)),
		'AuthorizationError',
	);
	t.deepEqual(await bench.see('project.list-headnodes', project.listProjectHeadnodes, of, alice), ['h1']);
	await bench.do('headnode.delete', headnodes.deleteHeadnode, { headnode: 'h1' }, alice);
	t.is(await codeOf(bench.do('network.delete', net.deleteNetwork, { network: 'rednet' }, alice)), 'ok');
});
