// Servers are nodes of a real hil, without switches: they join a project, and leave it the safe way.
import test from 'ava';
import { systemClock } from '../../common/clock.ts';
import { createHilClient } from '../../hil/client.ts';
import { startHil } from '../../hil/hil.fixture.ts';
import { createMemoryObm } from '../../hil/obm/memory-obm.fixture.ts';
import { codeOf } from '../store.fixture.ts';
import { DeliveryRefused } from './fulfilment.ts';
import { createHilFulfilment } from './hil-fulfilment.ts';

const { signal } = new AbortController();

test('all nodes join the project or none; they leave it; either can be asked again', async t => {
	const obm = createMemoryObm();
	const bench = await startHil(t, { obm });
	const { ok } = bench;
	for (const project of ['blue', 'green', 'airlock']) await ok('PUT', `/v0/project/${project}`);
	for (const node of ['n1', 'n2', 'n3'])
		await ok('PUT', `/v0/node/${node}`, { obmd: { uri: `https://p/bmc/${node}`, admin_token: '' } });
	await ok('POST', '/v0/project/green/connect_node', { node: 'n3' });
	const hil = createHilClient({ url: bench.url, username: 'root', password: 'root' });
	t.teardown(() => hil.close());
	const fulfilment = createHilFulfilment({
		hil,
		airlock: 'airlock',
		clock: systemClock,
		check: () => undefined,
	});
	const owners = () => Promise.all(['n1', 'n2', 'n3'].map(async node => (await hil.node(node)).project));

	const refused = async (project: string, ...servers: string[]) => {
		const fault = await t.throwsAsync(fulfilment.deliver({ lease: 'l', project, servers }, signal));
		return [
			(fault?.cause as { code?: string } | undefined)?.code,
			fault instanceof DeliveryRefused ? fault.doing : null,
		];
	};
	t.deepEqual(await refused('blue', 'n1', 'n3'), ['NodeTaken', { server: 'n3' }]);
	t.deepEqual(await refused('blue', 'n1', 'none'), ['NotFoundError', { server: 'none' }]);
	t.deepEqual(await refused('nobody', 'n1'), ['NotFoundError', 'project']);
	await hil.administration.setQuota('blue', { nodes: 1, networks: null });
	t.deepEqual(await refused('blue', 'n1', 'n2'), ['BlockedError', 'project']);
	await hil.administration.setQuota('blue', { nodes: null, networks: null });
	t.deepEqual(await owners(), [null, null, 'green']);

	const lease = { lease: 'l', project: 'blue', servers: ['n1', 'n2'] };
	await fulfilment.deliver(lease, signal);
	await fulfilment.deliver(lease, signal);
	t.deepEqual(await owners(), ['blue', 'blue', 'green']);

	// One leaves already, as after a restart of the market.
	await hil.release('blue', 'n1');
	const back = fulfilment.takeBack(lease, signal);
	await bench.departures.idle();
	await back;
	t.deepEqual(await owners(), [null, null, 'green']);
	await fulfilment.takeBack(lease, signal);
	await fulfilment.takeBack({ lease: 'l', project: 'blue', servers: ['n3'] }, signal);
	t.deepEqual(await owners(), [null, null, 'green'], "another project's is not touched");

	// One that is in the airlock would come out into the project again.
	await ok('POST', '/v0/project/airlock/connect_node', { node: 'n1' });
	t.is(await codeOf(fulfilment.takeBack(lease, signal)), 'NodeTaken');
});

test('who is not to hand servers over any more changes nothing', async t => {
	const { ok, url } = await startHil(t, { obm: createMemoryObm() });
	await ok('PUT', '/v0/project/blue');
	for (const node of ['n1', 'n2'])
		await ok('PUT', `/v0/node/${node}`, { obmd: { uri: `https://p/bmc/${node}`, admin_token: '' } });
	await ok('POST', '/v0/project/blue/connect_node', { node: 'n2' });
	const hil = createHilClient({ url, username: 'root', password: 'root' });
	t.teardown(() => hil.close());
	const check = (): never => {
		throw new Error('another one leads');
	};
	const fulfilment = createHilFulfilment({ hil, clock: systemClock, check });
	const lease = { lease: 'l', project: 'blue', servers: ['n1', 'n2'] };
	await t.throwsAsync(fulfilment.deliver(lease, signal), { message: 'another one leads' });
	await t.throwsAsync(fulfilment.takeBack(lease, signal), { message: 'another one leads' });
	t.is((await hil.node('n1')).project, null);
	t.is((await hil.node('n2')).project, 'blue');
});
