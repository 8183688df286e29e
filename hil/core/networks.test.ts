// Who may use a network, and which VLAN it has.
import test from 'ava';
import { networks } from '../model/network.ts';
import { failAction, showAction } from './actions.ts';
import { alice, bob, codeOf, withNetworks } from './bench.fixture.ts';
import * as net from './networks.ts';
import { setVlanPool } from './vlans.ts';

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
