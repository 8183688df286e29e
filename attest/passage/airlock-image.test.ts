// Nodes that the provisioner boots into the airlock: a provisioner and a hil as they are, with disks and networks in memory.

import type { ExecutionContext } from 'ava';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { createHilClient } from '../../hil/client.ts';
import { createMemoryNetwork } from '../../provisioner/boot/memory-network.fixture.ts';
import { createProvisionerClient } from '../../provisioner/client.ts';
import { createNodeAtHil } from '../../provisioner/node/node-at-hil.ts';
import { startProvisioner } from '../../provisioner/provisioner.fixture.ts';
import { type AirlockBench, startAirlock } from './airlock.fixture.ts';
import { type AirlockImage, createAirlockImage } from './airlock-image.ts';
import { refused } from './evidence.fixture.ts';

const at = (what: string) => (passage: { state: string; stage: string | null }) =>
	what === (passage.stage ?? passage.state);

/** The airlock's image is `airlock/airlock`; nodes come to their disks as soon as they are served. */
async function start(t: ExecutionContext) {
	let image: AirlockImage | undefined;
	const through = new Proxy({} as AirlockImage, { get: (_, name) => Reflect.get(image ?? {}, name) });
	const bench = await startAirlock(t, { boot: { by: 'provisioner', image: through }, nic: 'eth0' });
	const network = createMemoryNetwork('airlock');
	const { serve } = network.targets;
	Object.assign(network.targets, {
		async serve(spec: Parameters<typeof serve>[0]) {
			await serve(spec);
			network.loggedIn.set(spec.iqn, [{ initiator: spec.initiator, addresses: [...spec.addresses] }]);
		},
	});
	const clock = new FakeClock();
	const hil = createHilClient({ url: bench.hil.url, username: 'root', password: 'root' });
	t.teardown(() => hil.close());
	const provisioner = await startProvisioner(t, { network, nodes: createNodeAtHil({ hil, clock }) });
	await provisioner.image('airlock', 'airlock');
	const client = createProvisionerClient({ url: provisioner.url, username: 'root', password: 'root' });
	t.teardown(() => client.close());
	image = createAirlockImage(client, { project: 'airlock', image: 'airlock/airlock' });
	const moving = setInterval(() => {
		provisioner.clock.advance(500);
		clock.advance(500);
	}, 5);
	t.teardown(() => clearInterval(moving));
	return { bench, provisioner, network };
}
const disks = async ({ ok }: { ok: AirlockBench['attest']['ok'] }) =>
	((await ok('GET', '/v1/disks', undefined, 'root')).disks as { name: string; node: string | null }[]).length;

test('the provisioner boots a node into the airlock; when it is in, nothing of that is left, and it runs on', async t => {
	const { bench, provisioner, network } = await start(t);
	const { id } = await bench.ask();
	const { admission, history } = await bench.until(at('evidence'), id);
	t.true(history.some(({ what }) => what === 'provision'));
	t.is(await disks(provisioner), 1);
	await bench.judge(admission);
	await bench.until(at('inside'), id);
	t.deepEqual(bench.carried(), { native: bench.vlans.rednet, tagged: [] });
	await bench.done(id);
	t.is(await disks(provisioner), 0);
	t.is(network.served.size + network.entries.size, 0);
	t.is(bench.obm.at('https://p/bmc/n1').power, 'on');
	t.deepEqual(bench.carried(), { native: bench.vlans.rednet, tagged: [] });
});

test('refused, its disk is gone; cancelled before it has come to that, nothing more is done to it', async t => {
	const { bench, provisioner, network } = await start(t);
	const first = await bench.ask();
	await bench.judge((await bench.until(at('evidence'), first.id)).admission, refused);
	await bench.until(at('rejected'), first.id);
	await bench.done(first.id);
	t.is(await disks(provisioner), 0);
	t.is(bench.obm.at('https://p/bmc/n1').power, 'off');
	t.is(await bench.projectOf(), 'rejected');

	network.targets.serve = async () => undefined;
	const second = await bench.ask({ node: 'n2' });
	await bench.until(at('provision'), second.id);
	await bench.until(({ waits }) => /login|dhcp|script/.test(waits ?? ''), second.id);
	t.is(network.entries.size, 1);
	await bench.attest.ok('POST', `/verifier/v1/passages/${second.id}/cancel`, {}, 'alice');
	t.like(await bench.until(at('returned'), second.id), { code: 'Cancelled' });
	await bench.done(second.id);
	t.is((await disks(provisioner)) + network.entries.size, 0);
	t.is(await bench.projectOf('n2'), null);
	t.is(bench.obm.at('https://p/bmc/n2').power, 'off');
	t.deepEqual(bench.carried('gi2/0'), { native: null, tagged: [] });
});

test('an image that is not there: the passage comes to nothing and says why', async t => {
	const { bench, provisioner } = await start(t);
	const image = await provisioner.ok('DELETE', '/v1/images/airlock%2Fairlock', undefined, 'root');
	t.truthy(image.id);
	const { id } = await bench.ask();
	const over = await bench.until(at('returned'), id);
	t.is(over.code, 'BootFailed');
	t.is(await bench.projectOf(), null);
});
