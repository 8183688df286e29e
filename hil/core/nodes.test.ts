// Nodes and what belongs to them.
import test from 'ava';
import { bob, codeOf, createBench, eth0, withNetworks } from './bench.fixture.ts';
import { deleteMetadata, setMetadata } from './metadata.ts';
import * as node from './nodes.ts';
import * as project from './projects.ts';
import * as device from './switches.ts';

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
