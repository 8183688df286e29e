import test from 'ava';
import { alice, bob, codeOf, withNetworks } from './bench.fixture.ts';
import * as headnodes from './headnodes.ts';
import * as net from './networks.ts';
import * as project from './projects.ts';

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
