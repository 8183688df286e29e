// Nodes are provisioned at a real hil, with switches and BMCs in memory: what is done to them, in which order, and undone.
import test from 'ava';
import { createMemoryNetwork } from '../boot/memory-network.fixture.ts';
import { provisionerErrors } from '../errors.ts';
import { startProvisioner } from '../provisioner.fixture.ts';
import { bmc, startNodeBench } from './node-bench.fixture.ts';

test('a node is provisioned: cloned, connected, served, told, booted; and deprovisioned with its disk saved', async t => {
	const { obm, provisioner, network, storage, port, over, comesUp } = await startNodeBench(t);
	comesUp();
	const body = {
		project: 'red',
		image: 'debian',
		hostname: 'web',
		keys: ['ssh-ed25519 AAAA alice'],
		userData: '#cloud-config',
	};
	const asked = await provisioner.ok('POST', '/v1/nodes/n1/provision', body);
	const done = await over(asked.id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	t.deepEqual(
		(done.stages as { name: string }[]).map(({ name }) => name),
		['disk', 'network', 'target', 'boot', 'power', 'dhcp', 'script', 'login'],
	);
	t.deepEqual(port(1), { native: 500, tagged: [] });
	t.like(obm.at(bmc('n1')), { power: 'on', bootDevice: 'pxe' });
	const entry = network.entries.get('02:00:00:00:00:01');
	t.like(entry, { node: 'n1', hostname: 'web', userData: '#cloud-config', keys: body.keys });
	const spec = network.served.get(entry?.target.iqn ?? '');
	t.deepEqual(spec?.addresses, ['10.0.0.1']);
	t.is(spec?.chap.password, entry?.target.chap.password);
	t.true((spec?.chap.password.length ?? 0) >= 16);
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), {
		disks: ['red/n1'],
		network: 'boot',
		hostname: 'web',
	});
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: 'n1', image: 'red/debian@1' });
	t.like(await provisioner.call('DELETE', '/v1/disks/n1'), { status: 409, body: { code: 'InUse' } });
	t.like(await provisioner.call('POST', '/v1/nodes/n1/provision', body), { status: 409 });
	t.is((await provisioner.call('GET', '/v1/nodes/n1', undefined, 'bob')).status, 404);
	t.is((await provisioner.call('POST', '/v1/nodes/n1/deprovision', {}, 'bob')).status, 404);

	const left = await over((await provisioner.ok('POST', '/v1/nodes/n1/deprovision', {})).id);
	t.is(left.status, 'DONE', JSON.stringify(left));
	t.like(obm.at(bmc('n1')), { power: 'off', bootDevice: 'none' });
	t.deepEqual(port(1), { native: null, tagged: [] });
	t.is(network.entries.size + network.served.size, 0);
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: null, state: 'ready' });
	t.false(storage.volumes.get(String((await provisioner.ok('GET', '/v1/disks/n1')).id))?.isAttached ?? true);

	const again = await over(
		(await provisioner.ok('POST', '/v1/nodes/n2/provision', { project: 'red', disk: 'n1' })).id,
	);
	t.is(again.status, 'DONE', JSON.stringify(again));
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: 'n2' });
	t.deepEqual(port(2), { native: 500, tagged: [] });
});

test('a node boots by two NICs: each is connected, served and told; refused or over, none is', async t => {
	const { hil, obm, provisioner, network, second, store, storage, port, over, comesUp } =
		await startNodeBench(t);
	comesUp();
	await hil.ok('PUT', '/v0/network/boot2', { owner: 'admin', access: '', net_id: '501' });
	await hil.ok('PUT', '/v0/node/n1/nic/eth1', { macaddr: '02:00:00:00:00:0A' });
	await hil.ok('PUT', '/v0/switch/tor/port/gi1/0/3');
	await hil.ok('POST', '/v0/switch/tor/port/gi1/0/3/connect_nic', { node: 'n1', nic: 'eth1' });
	const nics = [
		{ nic: 'eth0', network: 'boot' },
		{ nic: 'eth1', network: 'boot2' },
	];
	const provision = (more: object) =>
		provisioner.call('POST', '/v1/nodes/n1/provision', { project: 'red', image: 'debian', nics, ...more });
	t.is((await provision({ nic: 'eth0' })).status, 400);
	for (const [first] of [[{ nic: 'eth1', network: 'boot' }], [{ nic: 'eth0', network: 'boot2' }]])
		t.is((await provision({ nics: [first, nics[1]] })).status, 409, 'each on a network of its own');

	second.faults.push(provisionerErrors.ImageRefused('no'));
	const failed = await over((await provision({})).body.id);
	t.is(failed.status, 'FAILED');
	for (const at of [network, second]) t.is(at.entries.size + at.served.size, 0);
	for (const each of [1, 3]) t.deepEqual(port(each), { native: null, tagged: [] });
	t.is(storage.volumes.size, 1);

	const done = await over((await provision({})).body.id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	t.deepEqual([port(1).native, port(3).native], [500, 501]);
	const [one, other] = [network, second].map(at => [...at.served.values()][0]);
	t.deepEqual(one?.addresses, ['10.0.0.1']);
	t.deepEqual({ ...other, addresses: [] }, { ...one, addresses: [] }, 'the same disk behind the same secret');
	t.deepEqual(other?.addresses, ['10.0.0.10']);
	t.is(one?.units[0]?.serial, (await provisioner.ok('GET', '/v1/disks/n1')).id as string);
	t.deepEqual(network.entries.get('02:00:00:00:00:01')?.paths, [
		{ mac: '02:00:00:00:00:0a', portal: '10.0.0.254:3260' },
	]);
	t.deepEqual(second.entries.get('02:00:00:00:00:0a')?.paths, [
		{ mac: '02:00:00:00:00:01', portal: '10.0.0.254:3260' },
	]);
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { network: 'boot', nics });
	const fresh = [createMemoryNetwork('boot'), createMemoryNetwork('boot2')] as const;
	await startProvisioner(t, { store, storage, network: fresh[0], otherNetworks: [fresh[1]] });
	t.deepEqual([...fresh[1].served.values()], [other as never], 'after a start, too');

	t.is((await over((await provisioner.ok('POST', '/v1/nodes/n1/deprovision', {})).id)).status, 'DONE');
	for (const at of [network, second]) t.is(at.entries.size + at.served.size, 0);
	for (const each of [1, 3]) t.deepEqual(port(each), { native: null, tagged: [] });
	t.is(obm.at(bmc('n1')).power, 'off');
});

test('whichever stage is refused, everything is as before', async t => {
	const { hil, obm, provisioner, network, storage, port, over, comesUp } = await startNodeBench(t);
	comesUp();
	const refused = provisionerErrors.ImageRefused('no');
	const troubles: [string, () => void, () => void][] = [
		['clone', () => storage.faults.push(refused), () => undefined],
		[
			'switch',
			() => {
				hil.mocks.at('tor').trouble = { kind: 'refuses', reason: 'no such VLAN' };
			},
			() => {
				hil.mocks.at('tor').trouble = undefined;
			},
		],
		['target', () => network.faults.push(refused), () => undefined],
		[
			'BMC',
			() => {
				obm.at(bmc('n1')).mustWait = true;
			},
			() => {
				obm.at(bmc('n1')).mustWait = false;
			},
		],
	];
	for (const [what, begin, end] of troubles) {
		begin();
		const { id } = await provisioner.ok('POST', '/v1/nodes/n1/provision', {
			project: 'red',
			image: 'debian',
		});
		if (what === 'BMC') {
			while (obm.requests.size === 0) await new Promise(resolve => setImmediate(resolve));
			end();
			obm.decide('request-1', false);
		}
		const failed = await over(id);
		end();
		t.is(failed.status, 'FAILED', what);
		t.deepEqual(port(1), { native: null, tagged: [] }, what);
		t.is(network.entries.size + network.served.size, 0, what);
		t.deepEqual(await provisioner.ok('GET', '/v1/disks'), { disks: [] }, what);
		t.deepEqual(await provisioner.ok('GET', '/v1/nodes'), { nodes: [] }, what);
		t.is(storage.volumes.size, 1, what);
		t.is(obm.at(bmc('n1')).power, 'off', what);
	}
});

test("only the project's own nodes, on NICs that are not elsewhere, on networks that there are", async t => {
	const { hil, provisioner } = await startNodeBench(t);
	const call = (node: string, more: object, who?: string) =>
		provisioner.call(
			'POST',
			`/v1/nodes/${node}/provision`,
			{ project: 'red', image: 'debian', ...more },
			who,
		);
	t.is((await call('n1', {}, 'bob')).status, 403);
	t.is((await call('n1', { project: 'blue' }, 'bob')).status, 404, 'not a node of blue');
	t.like(await call('n1', { network: 'other' }), { status: 404, body: { code: 'NotThere' } });
	t.is((await call('n1', { nic: 'eth7' })).status, 404);
	t.is((await call('n1', { hostname: 'a b' })).status, 400);
	t.is((await call('n1', { keys: ['rm -rf'] })).status, 400);
	await hil.ok('PUT', '/v0/network/inner', { owner: 'red', access: 'red', net_id: '' });
	await hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'inner' });
	await hil.workers.idle();
	t.like(await call('n1', {}), { status: 409, body: { code: 'InUse' } });
	t.deepEqual(await provisioner.ok('GET', '/v1/disks'), { disks: [] });
});

test('after a start every node is served as before; what the storage opens anew as well', async t => {
	const { provisioner, network, storage, store, over, comesUp } = await startNodeBench(t);
	comesUp();
	await over(
		(await provisioner.ok('POST', '/v1/nodes/n1/provision', { project: 'red', image: 'debian' })).id,
	);
	const [before] = network.served.values();
	const fresh = createMemoryNetwork('boot');
	await startProvisioner(t, { store, storage, network: fresh });
	t.deepEqual([...fresh.served.values()], [before as never]);
	t.is(fresh.entries.size, 1);
});

test('when a node has fetched its configuration stands with the operation that has booted it last', async t => {
	const { provisioner, network, over, comesUp } = await startNodeBench(t);
	comesUp();
	const body = { project: 'red', image: 'debian' };
	const done = await over((await provisioner.ok('POST', '/v1/nodes/n1/provision', body)).id);
	t.is(done.configuredAt, null);
	const path = `/v1/operations/${done.id}`;
	const mac = '02:00:00:00:00:01';
	const at = provisioner.clock.now() + 5000;
	for (const event of [
		{ mac, kind: 'dhcp', at },
		{ mac: '02:00:00:00:00:99', kind: 'config', at },
		{ mac, kind: 'config', at },
		{ mac, kind: 'config', at: at + 1000 },
	] as const) {
		network.tell(event);
	}
	const until = async (wanted: unknown): Promise<void> => {
		while ((await provisioner.ok('GET', path)).configuredAt !== wanted)
			await new Promise(resolve => setImmediate(resolve));
	};
	await until(new Date(at).toISOString());
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { configuredAt: new Date(at).toISOString() });
	const again = await over(
		(await provisioner.ok('POST', '/v1/nodes/n1/reprovision', { image: 'debian' })).id,
	);
	t.is(again.configuredAt, null);
	t.like(await provisioner.ok('GET', '/v1/nodes/n1'), { configuredAt: null }, 'it was booted anew');
});

test('what waits for another party is told; who has seen one state is answered with the next', async t => {
	const { obm, provisioner, letTimePass } = await startNodeBench(t);
	obm.at(bmc('n1')).mustWait = true;
	const body = { project: 'red', image: 'debian' };
	const { id } = await provisioner.ok('POST', '/v1/nodes/n1/provision', body);
	const stop = letTimePass();
	t.teardown(stop);
	let now = await provisioner.ok('GET', `/v1/operations/${id}`);
	const told: unknown[] = [];
	while (now.note === null) {
		const next = await provisioner.ok('GET', `/v1/operations/${id}?wait=30000&seen=${now.revision}`);
		if (next.revision === now.revision) continue;
		told.push(next.revision);
		now = next;
	}
	t.regex(String(now.note), /waits for CP/);
	t.deepEqual(
		told,
		[...told].sort((a, b) => Number(a) - Number(b)),
	);
	obm.at(bmc('n1')).mustWait = false;
	obm.decide('request-1', false);
	while (now.endedAt === null) {
		now = await provisioner.ok('GET', `/v1/operations/${id}?wait=30000&seen=${now.revision}`);
	}
	t.like(now, { status: 'FAILED', during: 'power', note: null, reason: 'The boot device was not approved.' });
});
