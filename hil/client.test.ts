import test from 'ava';
import { createHilClient } from './client.ts';
import { startHil } from './hil.fixture.ts';
import { createMemoryObm } from './obm/memory-obm.fixture.ts';

const type = 'http://schema.massopencloud.org/haas/v0/switches/mock';

test('a service takes a node, connects it, manages it and lets it go', async t => {
	const obm = createMemoryObm();
	const hil = await startHil(t, { obm });
	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	await hil.ok('PUT', '/v0/switch/tor/port/gi1/1');
	const obmd = { uri: 'https://p/bmc/n1', admin_token: '' };
	await hil.ok('PUT', '/v0/node/n1', { obmd, metadata: { gpu: 'A100' } });
	await hil.ok('PUT', '/v0/node/n1/nic/eth0', { macaddr: '02:00:00:00:00:01' });
	await hil.ok('POST', '/v0/switch/tor/port/gi1/1/connect_nic', { node: 'n1', nic: 'eth0' });
	await hil.ok('PUT', '/v0/project/red');
	await hil.ok('PUT', '/v0/auth/basic/user/agent', { password: 'agent' });
	await hil.ok('POST', '/v0/auth/basic/user/agent/add_project', { project: 'red' });

	const client = createHilClient({ url: hil.url, username: 'agent', password: 'agent' });
	t.teardown(() => client.close());
	t.deepEqual((await client.me()).projects, ['red']);
	const { nodes } = await client.searchNodes({ where: 'gpu = A100', free: true });
	t.deepEqual(
		nodes.map(({ name }) => name),
		['n1'],
	);
	const steps = [
		{ do: 'create_network', network: 'inner', owner: 'red', access: 'red', net_id: '' },
		{ do: 'connect_node', project: 'red', node: 'n1' },
		{ do: 'connect_network', node: 'n1', nic: 'eth0', network: 'inner' },
	];
	t.deepEqual((await client.change(steps, { dryRun: true })).ports[0]?.after, { native: 100, tagged: [] });
	const { id: change } = await client.change(steps);
	await client.changeDone(change ?? '');
	t.like(await client.changeState(change ?? ''), { status: 'DONE', error: null });
	t.deepEqual((await client.node('n1')).nics[0]?.networks, { 'vlan/native': 'inner' });
	t.like((await client.topology({ project: 'red', limit: 1 })).nodes[0]?.nics[0]?.networks[0], {
		network: 'inner',
		vlan: 100,
	});
	await client.setObm('n1', true);
	t.deepEqual(await client.power('n1', 'off'), { waiting: false });
	t.is(await client.powerStatus('n1'), 'off');
	obm.at('https://p/bmc/n1').mustWait = true;
	t.like(await client.setBootDevice('n1', 'pxe'), {
		waiting: true,
		message: 'boot_device of n1 waits for CP.',
	});
	obm.at('https://p/bmc/n1').mustWait = false;
	const id = await client.release('red', 'n1');
	for (let turn = 0; turn < 4; turn++) {
		await hil.departures.idle();
		await hil.workers.idle();
	}
	t.like(await client.departure(id), { status: 'DONE' });
});

test('refusals carry the code of the reason; failed and slow actions say why', async t => {
	const hil = await startHil(t);
	const client = createHilClient({ url: hil.url, username: 'root', password: 'root' });
	t.teardown(() => client.close());
	await t.throwsAsync(client.node('a/b?'), { code: 'NotFoundError' });
	await t.throwsAsync(client.searchNodes({ where: 'a =' }), { code: 'BadArgumentError' });
	const wrong = createHilClient({ url: hil.url, username: 'root', password: 'no' });
	t.teardown(() => wrong.close());
	await t.throwsAsync(wrong.me(), { code: 'AuthorizationError' });
	const nowhere = createHilClient({ url: 'http://127.0.0.1:1', username: 'u', password: 'p' });
	t.teardown(() => nowhere.close());
	await t.throwsAsync(nowhere.me(), { code: 'HilUnreachable' });

	await hil.ok('PUT', '/v0/switch/tor', { type, hostname: 'tor', username: 'u', password: 'p' });
	for (const index of [1, 2]) {
		await hil.ok('PUT', `/v0/switch/tor/port/gi1/${index}`);
		await hil.ok('PUT', `/v0/node/n${index}`, { obmd: { uri: 'https://p/bmc/n', admin_token: '' } });
		await hil.ok('PUT', `/v0/node/n${index}/nic/eth0`, { macaddr: '' });
		const plugged = { node: `n${index}`, nic: 'eth0' };
		await hil.ok('POST', `/v0/switch/tor/port/gi1/${index}/connect_nic`, plugged);
	}
	await hil.ok('PUT', '/v0/project/red');
	const network = { do: 'create_network', network: 'n', owner: 'admin', access: '', net_id: '' };
	const connect = (node: string) => [
		{ do: 'connect_node', project: 'red', node },
		{ do: 'connect_network', node, nic: 'eth0', network: 'n' },
	];
	hil.mocks.at('tor').trouble = { kind: 'refuses', reason: 'no such VLAN' };
	const refused = await client.change([network, ...connect('n1')]);
	await t.throwsAsync(client.settled(refused.actions), {
		code: 'ActionFailed',
		message: 'n1/eth0: no such VLAN',
	});
	await hil.changes.idle();
	await t.throwsAsync(client.changeDone(refused.id ?? ''), {
		code: 'ChangeUndone',
		message: 'n1/eth0: no such VLAN',
	});
	await client.change([network]);
	hil.mocks.at('tor').trouble = { kind: 'away' };
	const slow = await client.change(connect('n2'));
	await hil.workers.idle();
	const settled = client.settled(slow.actions, 1);
	const changed = client.changeDone(slow.id ?? '', 1);
	// The service's clock stands still: its wait of a millisecond is over when it is moved.
	const moving = setInterval(() => hil.clock.advance(1), 5);
	t.teardown(() => clearInterval(moving));
	await t.throwsAsync(settled, {
		code: 'ActionsPending',
		message: /mock switch is away/,
	});
	await t.throwsAsync(changed, { code: 'ChangePending' });
});
