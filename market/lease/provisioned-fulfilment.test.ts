// Servers are nodes of a real hil and boot from disks of a real provisioner, with switches, BMCs and storage in memory.
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { createHilClient } from '../../hil/client.ts';
import { createProvisionerClient } from '../../provisioner/client.ts';
import { bmc, startNodeBench } from '../../provisioner/node/node-bench.fixture.ts';
import { until } from '../../test/visitor.ts';
import { DeliveryRefused } from './fulfilment.ts';
import { createHilFulfilment } from './hil-fulfilment.ts';
import { createProvisionedFulfilment } from './provisioned-fulfilment.ts';

const { signal } = new AbortController();
const root = { username: 'root', password: 'root' };

/** Nodes n1 and n2 are free; image blue/debian, and red/secret, which is nobody else's. */
async function start(t: Parameters<typeof startNodeBench>[0], { isAway = false } = {}) {
	const bench = await startNodeBench(t, { watchesOwners: true });
	const { hil: atHil, provisioner: at } = bench;
	await atHil.ok('PUT', '/v0/project/blue');
	for (const node of ['n1', 'n2']) await atHil.ok('POST', '/v0/project/red/detach_node', { node });
	await at.image('blue', 'debian');
	await at.image('red', 'secret');
	t.teardown(bench.letTimePass());
	const hil = createHilClient({ url: atHil.url, ...root });
	const provisioner = createProvisionerClient({ url: isAway ? 'http://127.0.0.1:9' : at.url, ...root });
	t.teardown(async () => {
		await provisioner.close();
		await hil.close();
	});
	const shared = { clock: systemClock, check: () => undefined };
	const inner = createHilFulfilment({ hil, ...shared });
	const fulfilment = createProvisionedFulfilment({ inner, provisioner, logger: silentLogger, ...shared });
	const owners = () => Promise.all(['n1', 'n2'].map(async node => (await hil.node(node)).project));
	/** hil's departures go on as they are asked to. */
	const leave = async (work: Promise<void>): Promise<void> => {
		let isOver = false;
		const done = work.finally(() => {
			isOver = true;
		});
		while (!isOver) {
			await bench.hil.departures.idle();
			await new Promise(resolve => setTimeout(resolve, 20));
		}
		await done;
	};
	return { ...bench, hil, owners, fulfilment, at, leave };
}

const lease = { lease: '0123abcd-0', project: 'blue', servers: ['n1', 'n2'] };

test('nodes boot from the image that was bid for, and leave with their disks saved; either can be asked again', async t => {
	const { fulfilment, comesUp, at, obm, owners, leave } = await start(t);
	comesUp();
	const handover = { ...lease, boot: { image: 'debian', keys: ['ssh-ed25519 AAAA bob'] } };
	await Promise.allSettled([fulfilment.deliver(handover, signal), fulfilment.deliver(handover, signal)]);
	await fulfilment.deliver(handover, signal);
	t.deepEqual(await owners(), ['blue', 'blue']);
	t.like(await at.ok('GET', '/v1/nodes/n1', undefined, 'bob'), {
		project: 'blue',
		disks: ['blue/n1-0123abcd'],
	});
	t.is(obm.at(bmc('n2')).power, 'on');
	t.deepEqual(at.network.entries.get('02:00:00:00:00:01')?.keys, handover.boot.keys);

	await leave(fulfilment.takeBack(handover, signal));
	t.deepEqual(await owners(), [null, null]);
	t.is(obm.at(bmc('n1')).power, 'off');
	for (const node of ['n1', 'n2'])
		t.like(await at.ok('GET', `/v1/disks/${node}-0123abcd`, undefined, 'bob'), {
			node: null,
			state: 'ready',
		});
	await fulfilment.takeBack(handover, signal);

	// Another lease of theirs has disks of its own.
	await fulfilment.deliver({ ...handover, lease: '4567cdef-0' }, signal);
	t.like(await at.ok('GET', '/v1/nodes/n1', undefined, 'bob'), { disks: ['blue/n1-4567cdef'] });
});

test('an image that the project may not use is its own doing; a node that does not come up is its owner’s', async t => {
	const { fulfilment, at, owners, leave } = await start(t);
	const refused = async (image: string, own = signal) => {
		const fault = await t.throwsAsync(fulfilment.deliver({ ...lease, boot: { image } }, own));
		return fault instanceof DeliveryRefused ? fault.doing : fault?.message;
	};
	t.is(await refused('red/secret'), 'project');
	t.is(await refused('none'), 'project');
	// Nothing ever logs in: the market's time is over before the provisioner gives up.
	const over = new AbortController();
	const waiting = refused('debian', over.signal);
	const stages = async (): Promise<(string | undefined)[]> => {
		const { operations } = await at.ok('GET', '/v1/operations', undefined, 'root');
		const all = operations as { stages: { name: string; isOver: boolean }[] }[];
		return all.map(each => each.stages.find(({ isOver }) => !isOver)?.name);
	};
	await until(stages, found => found.filter(each => each === 'dhcp' || each === 'login').length === 2, 120);
	over.abort();
	t.deepEqual(await waiting, { server: 'n1' });
	// What was begun is undone before the nodes leave.
	await leave(fulfilment.takeBack(lease, signal));
	t.deepEqual(await owners(), [null, null]);
	t.is(at.network.served.size, 0);
});

test('while the provisioner is away nodes leave all the same', async t => {
	const { fulfilment, owners, leave } = await start(t, { isAway: true });
	await fulfilment.deliver(lease, signal);
	t.deepEqual(await owners(), ['blue', 'blue']);
	await leave(fulfilment.takeBack(lease, signal));
	t.deepEqual(await owners(), [null, null]);
});
