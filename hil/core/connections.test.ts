// What may be attached to what, on which channel.
import test from 'ava';
import { alice, bob, codeOf, eth0, nativeFirstSwitch, withNetworks } from './bench.fixture.ts';
import { connectNetwork } from './connections.ts';
import * as net from './networks.ts';
import * as node from './nodes.ts';

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
