// What becomes of a node that has booted: made anew, rescued, suspended, resumed, moved.
import test from 'ava';
import { until } from '../../test/visitor.ts';
import { createMemoryNetwork } from '../boot/memory-network.fixture.ts';
import { provisionerErrors } from '../errors.ts';
import { startProvisioner } from '../provisioner.fixture.ts';
import { bmc, startNodeBench } from './node-bench.fixture.ts';

test('a node is made anew from another image, and back when that is refused', async t => {
	const { obm, provisioner, network, storage, over, comesUp } = await startNodeBench(t);
	comesUp();
	await provisioner.image('red', 'other', 'another image');
	await over(
		(await provisioner.ok('POST', '/v1/nodes/n1/provision', { project: 'red', image: 'debian' })).id,
	);
	const before = [...network.served.values()];
	network.faults.push(provisionerErrors.ImageRefused('no'));
	const failed = await over(
		(await provisioner.ok('POST', '/v1/nodes/n1/reprovision', { image: 'other' })).id,
	);
	t.is(failed.status, 'FAILED', JSON.stringify(failed));
	t.deepEqual([...network.served.values()], before);
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { disks: ['red/n1'] });
	t.is(obm.at(bmc('n1')).power, 'on');
	t.is(storage.volumes.size, 3, 'two images and the disk');

	const body = { image: 'other', disk: 'fresh', discard: true };
	const done = await over((await provisioner.ok('POST', '/v1/nodes/n1/reprovision', body)).id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { disks: ['red/fresh'], isRescued: false });
	t.is((await provisioner.call('GET', '/v1/disks/n1')).status, 404);
	t.not([...network.served.values()][0]?.chap.password, before[0]?.chap.password, 'another secret');
	t.is([...network.served.values()].length, 1);
});

test('a node is rescued with its own disk beside the rescue image, and goes back to it', async t => {
	const { provisioner, network, over, comesUp } = await startNodeBench(t);
	comesUp();
	await provisioner.image('red', 'rescue', 'tools');
	await over(
		(await provisioner.ok('POST', '/v1/nodes/n1/provision', { project: 'red', image: 'debian' })).id,
	);
	const rescued = await over((await provisioner.ok('POST', '/v1/nodes/n1/rescue', { image: 'rescue' })).id);
	t.is(rescued.status, 'DONE', JSON.stringify(rescued));
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), {
		disks: ['red/rescue-n1', 'red/n1'],
		isRescued: true,
	});
	t.is([...network.served.values()][0]?.units.length, 2);
	t.like(await provisioner.call('POST', '/v1/nodes/n1/rescue', { image: 'rescue' }), { status: 409 });
	t.like(await provisioner.call('DELETE', '/v1/disks/n1'), { status: 409 });
	const back = await over((await provisioner.ok('POST', '/v1/nodes/n1/end-rescue', {})).id);
	t.is(back.status, 'DONE', JSON.stringify(back));
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { disks: ['red/n1'], isRescued: false });
	t.is((await provisioner.call('GET', '/v1/disks/rescue-n1')).status, 404);
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: 'n1' });
});

test('a saved disk is beside the one that a node boots from, stays there when that is made anew, and is free again', async t => {
	const { hil, provisioner, network, store, storage, over, comesUp } = await startNodeBench(t);
	comesUp();
	await hil.ok('PUT', '/v0/project/blue');
	await provisioner.image('red', 'airlock', 'an airlock');
	await provisioner.image('blue', 'other', 'of others');
	await over(
		(await provisioner.ok('POST', '/v1/disks', { project: 'red', name: 'web', image: 'debian' })).id,
	);
	const { id: web } = await provisioner.ok('GET', '/v1/disks/web');
	await over(
		(await provisioner.ok('POST', '/v1/disks', { project: 'blue', name: 'theirs', image: 'other' }, 'bob'))
			.id,
		'bob',
	);
	const provision = (beside: readonly string[]) =>
		provisioner.call('POST', '/v1/nodes/n1/provision', { project: 'red', image: 'airlock', beside });
	const free = async () =>
		t.like(await provisioner.ok('GET', '/v1/disks/web'), { node: null, state: 'ready' });
	t.like(await provision(['blue/theirs']), { status: 404, body: { code: 'NotThere' } });
	t.like(await provision(['web', 'red/web']), { status: 409, body: { code: 'InUse' } });
	await free();

	for (const trouble of [storage.faults, network.faults]) {
		trouble.push(provisionerErrors.ImageRefused('no'));
		t.is((await over((await provision(['web'])).body.id)).status, 'FAILED');
		await free();
		t.is(network.entries.size + network.served.size, 0);
	}

	t.is((await over((await provision(['web'])).body.id)).status, 'DONE');
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { disks: ['red/n1', 'red/web'] });
	const units = (of: typeof network) =>
		[...of.served.values()].flatMap(spec => spec.units.map(u => u.serial));
	const { id: first } = await provisioner.ok('GET', '/v1/disks/n1');
	t.deepEqual(units(network), [first, web] as string[]);
	t.like(await provisioner.call('DELETE', '/v1/disks/web'), { status: 409 });
	for (const [verb, body] of [
		['suspend', {}],
		['move', { project: 'blue' }],
	] as const)
		t.like(
			await provisioner.call('POST', `/v1/nodes/n1/${verb}`, body, 'carol'),
			{ status: 409, body: { code: 'InUse' } },
			'a disk would be left behind',
		);
	const after = createMemoryNetwork('boot');
	await startProvisioner(t, { store, storage, network: after });
	t.deepEqual(units(after), [first, web] as string[], 'after a start, too');

	const anew = { image: 'airlock', disk: 'fresh', discard: true };
	const done = await over((await provisioner.ok('POST', '/v1/nodes/n1/reprovision', anew)).id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { disks: ['red/fresh', 'red/web'] });
	t.is((await provisioner.call('GET', '/v1/disks/n1')).status, 404);
	t.is(units(network)[1], web as string);

	t.is((await over((await provisioner.ok('POST', '/v1/nodes/n1/deprovision', {})).id)).status, 'DONE');
	await free();
});

test('a node is suspended: saved and free; it is resumed on another one of its kind', async t => {
	const { hil, provisioner, network, over, comesUp } = await startNodeBench(t);
	comesUp();
	for (const [node, ram] of [
		['n1', 128],
		['n2', 64],
	] as const) {
		await hil.ok('PUT', `/v0/node/${node}/metadata/ram`, { value: ram });
	}
	await over(
		(
			await provisioner.ok('POST', '/v1/nodes/n1/provision', {
				project: 'red',
				image: 'debian',
				hostname: 'web',
			})
		).id,
	);
	const asked = await provisioner.ok('POST', '/v1/nodes/n1/suspend', {});
	const settle = async () => {
		for (let turn = 0; turn < 20; turn++) {
			hil.clock.advance(5000);
			await hil.departures.idle();
			await hil.workers.idle();
		}
	};
	const [saved] = await Promise.all([over(asked.id), settle()]).catch(async () => {
		await settle();
		return [await over(asked.id)];
	});
	t.is(saved?.status, 'DONE', JSON.stringify(saved));
	t.like(await hil.ok('GET', '/v0/node/n1'), { project: null });
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: null, resumesOn: 'ram = 128' });
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n1' });
	const none = await over((await provisioner.ok('POST', '/v1/disks/n1/resume', {})).id);
	t.like(none, { status: 'FAILED', reason: 'No node is free that fits: ram = 128.' });
	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'n2' });
	const done = await over((await provisioner.ok('POST', '/v1/disks/n1/resume', { where: 'ram = 64' })).id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	t.like(await provisioner.ok('GET', '/v1/nodes/n2'), { disks: ['red/n1'], hostname: 'web' });
	t.like(await hil.ok('GET', '/v0/node/n2'), { project: 'red' });
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: 'n2', resumesOn: null });
	t.is((await provisioner.call('DELETE', '/v1/disks/n1')).status, 409);
	t.is(network.served.size, 1);
});

test('a node with two NICs is moved, suspended and resumed by both', async t => {
	const { hil, provisioner, network, second, port, over, comesUp, letTimePass } = await startNodeBench(t);
	comesUp();
	await hil.ok('PUT', '/v0/project/blue');
	await hil.ok('PUT', '/v0/network/boot2', { owner: 'admin', access: '', net_id: '501' });
	// n1 has its second one in port 3, n2 in port 4.
	for (const [index, node] of ['n1', 'n2'].entries()) {
		const at = `/v0/switch/tor/port/gi1/0/${index + 3}`;
		await hil.ok('PUT', `/v0/node/${node}/nic/eth1`, { macaddr: `02:00:00:00:00:0${'ab'[index]}` });
		await hil.ok('PUT', at);
		await hil.ok('POST', `${at}/connect_nic`, { node, nic: 'eth1' });
	}
	const nics = [
		{ nic: 'eth0', network: 'boot' },
		{ nic: 'eth1', network: 'boot2' },
	];
	const done = async (path: string, body: object, who?: string): Promise<void> => {
		const ended = await over((await provisioner.ok('POST', path, body, who)).id, 'root');
		t.is(ended.status, 'DONE', JSON.stringify(ended));
	};
	const isServedBy = async (node: string, ports: readonly number[]): Promise<void> => {
		t.like(await provisioner.ok('GET', `/v1/nodes/${node}`, undefined, 'root'), { node, nics });
		t.deepEqual(
			ports.map(each => port(each).native),
			[500, 501],
		);
		const [one, other, ...more] = [network, second].flatMap(at => [...at.served.values()]);
		t.deepEqual(more, []);
		t.truthy(one);
		t.deepEqual(
			{ ...other, addresses: [] },
			{ ...one, addresses: [] },
			'the same disk behind the same secret',
		);
		const macs = [network, second].flatMap(at => [...at.entries.keys()]);
		const last = Number(node.slice(1));
		t.deepEqual(macs, [`02:00:00:00:00:0${last}`, `02:00:00:00:00:0${'_ab'[last]}`]);
		for (const [index, at] of [network, second].entries())
			t.deepEqual(
				[...at.entries.values()].flatMap(({ paths }) => paths.map(({ mac }) => mac)),
				[macs[1 - index]],
			);
	};
	await done('/v1/nodes/n1/provision', { project: 'red', image: 'debian', nics });
	await isServedBy('n1', [1, 3]);
	const secret = () => [...network.served.values()][0]?.chap.password;
	const before = secret();
	await done('/v1/nodes/n1/move', { project: 'blue' }, 'carol');
	await isServedBy('n1', [1, 3]);
	t.not(secret(), before);

	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'n2' });
	const { id } = await provisioner.ok('POST', '/v1/nodes/n1/suspend', {}, 'bob');
	const stop = letTimePass();
	const ended = await until(
		() => provisioner.ok('GET', `/v1/operations/${id}`, undefined, 'bob'),
		({ endedAt }) => endedAt !== null,
	).finally(stop);
	t.is(ended.status, 'DONE', JSON.stringify(ended));
	for (const at of [network, second]) t.is(at.entries.size + at.served.size, 0);
	for (const each of [1, 3]) t.deepEqual(port(each), { native: null, tagged: [] });
	await done('/v1/disks/n1/resume', { node: 'n2' }, 'bob');
	await isServedBy('n2', [2, 4]);
});
