// A node that boots from a disk is given to another project at a real hil, with its disk; or everything stays as it was.
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createMemoryNetwork, type MemoryNetwork } from '../boot/memory-network.fixture.ts';
import { type ProvisionerBench, startProvisioner } from '../provisioner.fixture.ts';
import { createMayBoot } from './may-boot.ts';
import { bmc, startNodeBench } from './node-bench.fixture.ts';

async function start(t: ExecutionContext, options: Parameters<typeof startNodeBench>[1] = {}) {
	const bench = await startNodeBench(t, options);
	const { hil, provisioner, over, comesUp } = bench;
	comesUp();
	await hil.ok('PUT', '/v0/project/blue');
	const body = { project: 'red', image: 'debian', hostname: 'web', userData: '#cloud-config' };
	const done = await over((await provisioner.ok('POST', '/v1/nodes/n1/provision', body)).id);
	t.is(done.status, 'DONE', JSON.stringify(done));
	const move = (body: object, who = 'carol') =>
		provisioner.call('POST', '/v1/nodes/n1/move', { project: 'blue', ...body }, who);
	return { ...bench, move };
}

test('a node goes to another project with its disk: off its networks, another secret, the same machine', async t => {
	const { hil, obm, provisioner, network, port, over, move } = await start(t);
	await hil.ok('PUT', '/v0/network/inner', { owner: 'admin', access: 'red', net_id: '600' });
	await hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'inner', channel: 'vlan/600' });
	await hil.workers.idle();
	const until = '2099-01-01T00:00:00.000Z';
	await hil.ok('PUT', '/v1/node/n1/lease', { until });
	const [before] = network.served.values();
	obm.at(bmc('n1')).done.splice(0);
	const moved = await over((await move({ disk: 'db' })).body.id);
	t.is(moved.status, 'DONE', JSON.stringify(moved));
	t.deepEqual(
		(moved.stages as { name: string }[]).map(({ name }) => name),
		[
			...['power-off', 'withdraw', 'detach', 'project', 'disk', 'network', 'target', 'boot', 'power'],
			...['dhcp', 'script', 'login'],
		],
	);
	t.like(await hil.ok('GET', '/v0/node/n1'), { project: 'blue' });
	t.like(await hil.ok('GET', '/v1/project/blue'), { leases: { n1: until } });
	t.deepEqual(port(1), { native: 500, tagged: [] }, "and on none of red's networks");
	const own = { node: 'n1', project: 'blue', disks: ['blue/db'], hostname: 'web' };
	t.like(await provisioner.ok('GET', '/v1/nodes/n1', undefined, 'bob'), own);
	t.is((await provisioner.call('GET', '/v1/nodes/n1')).status, 404, 'alice is of red alone');
	t.is((await provisioner.call('GET', '/v1/disks/n1')).status, 404);
	t.like(await provisioner.ok('GET', '/v1/disks/db', undefined, 'bob'), { project: 'blue', node: 'n1' });
	const [after, ...more] = network.served.values();
	t.deepEqual(more, []);
	t.is(after?.iqn, before?.iqn);
	t.not(after?.chap.password, before?.chap.password);
	t.like(network.entries.get('02:00:00:00:00:01'), { hostname: 'web', userData: '#cloud-config' });
	t.is(obm.at(bmc('n1')).power, 'on');
	const left = await over((await provisioner.ok('POST', '/v1/nodes/n1/deprovision', {}, 'bob')).id, 'bob');
	t.is(left.status, 'DONE');
});

test('members of both projects may, where the other one can have it', async t => {
	const { hil, provisioner, move, over } = await start(t);
	t.is((await move({}, 'alice')).status, 403);
	t.is((await move({}, 'bob')).status, 404);
	t.like(await move({ project: 'red' }), { status: 409, body: { code: 'InUse' } });
	t.like(await move({ network: 'other' }), { status: 404, body: { code: 'NotThere' } });
	t.is((await move({ project: 'none' }, 'root')).status, 404);
	await provisioner.image('blue', 'debian');
	const body = { project: 'blue', name: 'n1', image: 'blue/debian', wait: 30_000 };
	await provisioner.ok('POST', '/v1/disks', body, 'bob');
	t.like(await move({}), { status: 409, body: { code: 'NameTaken' } });
	await hil.ok('PUT', '/v0/network/own', { owner: 'admin', access: 'red', net_id: '501' });
	t.is((await move({ disk: 'db' }, 'root')).status, 202);
	const [operation] = (await provisioner.ok('GET', '/v1/operations')).operations as { id: string }[];
	t.like(await over(operation?.id), { status: 'DONE', kind: 'node.move' });
});

/** As when a lease is over, and somebody else has the next. */
async function takeAway({ hil, obm }: Awaited<ReturnType<typeof start>>): Promise<void> {
	await hil.ok('POST', '/v0/node/n1/nic/eth0/detach_network', { network: 'boot' });
	await hil.workers.idle();
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: false });
	await hil.ok('POST', '/v0/project/red/detach_node', { node: 'n1' });
	await hil.ok('POST', '/v0/project/blue/connect_node', { node: 'n1' });
	await hil.ok('POST', '/v0/node/n1/nic/eth0/connect_network', { network: 'boot' });
	await hil.workers.idle();
	obm.at(bmc('n1')).done.splice(0);
}

test('one that hil has taken away is not reached by who had it; its disk is saved all the same', async t => {
	const bench = await start(t);
	const { obm, provisioner, network, port, over, move } = bench;
	await takeAway(bench);
	const body = { project: 'blue', image: 'debian' };
	t.like(await provisioner.call('POST', '/v1/nodes/n1/provision', body, 'carol'), {
		status: 409,
		body: { code: 'NotReady' },
	});
	const reasons = /Node n1 is not .* any more: deprovision it\./;
	for (const ask of [
		() => move({ disk: 'db' }),
		() => provisioner.call('POST', '/v1/nodes/n1/reprovision', { image: 'debian' }),
		() => provisioner.call('POST', '/v1/nodes/n1/rescue', { image: 'debian' }),
	]) {
		const asked = await ask();
		t.is(asked.status, 202, JSON.stringify(asked));
		const failed = await over(asked.body.id);
		t.is(failed.status, 'FAILED');
		t.regex(String(failed.reason), reasons);
	}
	const saved = await over((await provisioner.ok('POST', '/v1/nodes/n1/deprovision', {})).id);
	t.is(saved.status, 'DONE', JSON.stringify(saved));
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: null });
	t.is(network.entries.size + network.served.size, 0);
	t.deepEqual(obm.at(bmc('n1')).done, [], "nothing was done to what is another project's");
	t.deepEqual(port(1), { native: 500, tagged: [] });
});

test('one that hil has taken away boots nobody from the disk that it had: that is saved by itself', async t => {
	const bench = await start(t, { watchesOwners: true });
	const { provisioner, network, obm, letTimePass } = bench;
	const stop = letTimePass();
	t.teardown(stop);
	const look = async (of: string) => (await provisioner.ok('GET', of)).operations as { kind: string }[];
	for (let turn = 0; turn < 50; turn++) await look('/v1/operations');
	t.is(network.served.size, 1, 'its own project has it as before');
	await takeAway(bench);
	while (network.served.size + network.entries.size > 0) await look('/v1/operations');
	while ((await look('/v1/operations')).length > 0);
	t.like(await provisioner.ok('GET', '/v1/disks/n1'), { node: null, project: 'red' });
	const [last] = await look('/v1/operations?all=true');
	t.like(last, { kind: 'node.deprovision', asker: 'provisioner', status: 'DONE', project: 'red' });
	t.deepEqual(obm.at(bmc('n1')).done, []);
	const body = { project: 'blue', image: 'debian' };
	await provisioner.ok('PATCH', '/v1/images/debian', { visibility: 'public' });
	t.is((await provisioner.call('POST', '/v1/nodes/n1/provision', body, 'bob')).status, 202);
});

test('what a node boots by is for its project alone, by the word of hil at that moment', async t => {
	const bench = await start(t);
	const { store, nodes, letTimePass } = bench;
	const clock = new FakeClock();
	const shared = { store, clock, logger: silentLogger };
	const mayBoot = createMayBoot({ ...shared, nodes });
	t.is(await mayBoot('n1'), 'yes');
	t.is(await mayBoot('n2'), 'no', 'it boots from nothing here');
	const away = async (): Promise<never> => {
		throw new Error('connection refused');
	};
	t.is(await createMayBoot({ ...shared, nodes: { projectOf: away } })('n1'), 'unknown');
	const waiting = createMayBoot({ ...shared, nodes: { projectOf: () => new Promise(() => undefined) } })(
		'n1',
	);
	for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve));
	clock.advance(5000);
	t.is(await waiting, 'unknown');
	const stop = letTimePass();
	t.teardown(stop);
	await takeAway(bench);
	t.is(await mayBoot('n1'), 'no');
});

interface Life {
	/** Acts until its end. */
	left: number;
	isOver?: boolean;
}

/** Does what it stands for so many times; then its process is dead: what is called is never answered. */
function mortal<T extends object>(of: T, life: Life, grave: Promise<never>, isDoneFirst: boolean): T {
	return new Proxy(of, {
		get(target, key) {
			const value = Reflect.get(target, key);
			if (typeof value !== 'function') return value;
			return (...given: unknown[]) => {
				// What only looks is no place to die at.
				if (
					!/^(serve|drop|set|remove|detachAll|attachAll|handOver|attach|detach|boot|turn)/.test(String(key))
				)
					return value.apply(target, given);
				life.left--;
				if (life.left > 0) return value.apply(target, given);
				const die = (): Promise<never> => {
					life.isOver = true;
					return grave;
				};
				// What is on its way when it dies is done, or not.
				if (life.left === 0 && isDoneFirst) return Promise.resolve(value.apply(target, given)).then(die);
				return die();
			};
		},
	});
}

test('killed before or after any of its acts, the next process goes on; it is moved, or all is as before', async t => {
	t.timeout(400_000);
	const { hil, obm, nodes, storage, store, network, provisioner, port, letTimePass } = await start(t);
	network.entries.clear();
	let bury: (fault: Error) => void = () => undefined;
	const grave = new Promise<never>((_, reject) => {
		bury = reject;
	});
	grave.catch(() => undefined);
	const stop = letTimePass();
	const process = async (life?: Life, isDoneFirst = false) => {
		const own = createMemoryNetwork('boot');
		const { serve } = own.targets;
		Object.assign(own.targets, {
			async serve(spec: Parameters<typeof serve>[0]) {
				await serve(spec);
				own.loggedIn.set(spec.iqn, [{ initiator: spec.initiator, addresses: [...spec.addresses] }]);
			},
		});
		const killed = life
			? {
					...mortal(own, life, grave, isDoneFirst),
					targets: mortal(own.targets, life, grave, isDoneFirst),
				}
			: own;
		const left = life?.left ?? 0;
		if (life) life.left = Number.POSITIVE_INFINITY;
		const bench = await startProvisioner(t, {
			store,
			storage,
			network: killed as MemoryNetwork,
			nodes: life ? mortal(nodes, life, grave, isDoneFirst) : nodes,
		});
		if (life) life.left = left;
		t.teardown(() => bury(new Error('the test is over')));
		return { bench, own };
	};
	t.teardown(stop);

	async function ended({ ok }: ProvisionerBench, id: unknown) {
		for (;;) {
			const now = await ok('GET', `/v1/operations/${id}?wait=1000`, undefined, 'root');
			if (now.endedAt !== null) return now;
			await new Promise(resolve => setImmediate(resolve));
		}
	}

	let [at, to] = ['red', 'blue'];
	for (const [isRefused, isDoneFirst] of [
		[false, false],
		[false, true],
		[true, false],
		[true, true],
	] as const) {
		for (let left = 1; ; left++) {
			const life: Life = { left };
			const { bench } = await process(life, isDoneFirst);
			const quota = { nodes: isRefused ? 0 : null, networks: null };
			await hil.ok('PUT', `/v1/project/${to}/quota`, quota);
			const { id } = await bench.ok('POST', '/v1/nodes/n1/move', { project: to }, 'carol');
			// Until it is dead, or has done all that there was to do.
			let outlived: unknown;
			while (!life.isOver && outlived === undefined) {
				const now = await bench.ok('GET', `/v1/operations/${id}`, undefined, 'root');
				if (now.endedAt !== null) outlived = now;
				await new Promise(resolve => setImmediate(resolve));
			}
			const { bench: next, own } = await process();
			await next.runner.start();
			const done = await ended(next, id);
			const what = `${isRefused ? 'refused' : 'moved'}, killed ${isDoneFirst ? 'after' : 'before'} act ${left}`;
			t.is(done.status, isRefused ? 'FAILED' : 'DONE', `${what}: ${JSON.stringify(done)}`);
			if (!isRefused) [at, to] = [to, at];
			t.like(await hil.ok('GET', '/v0/node/n1'), { project: at }, what);
			t.deepEqual(port(1), { native: 500, tagged: [] }, what);
			t.like(await next.ok('GET', '/v1/nodes/n1', undefined, 'root'), { project: at, disks: [`${at}/n1`] });
			t.is(own.served.size, 1, what);
			t.is(own.entries.size, 1, what);
			t.is(obm.at(bmc('n1')).power, 'on', what);
			t.is(storage.volumes.size, 2, what);
			if (outlived !== undefined) break;
		}
		await hil.ok('PUT', `/v1/project/${to}/quota`, { nodes: null, networks: null });
	}
	t.truthy(provisioner.url);
});
