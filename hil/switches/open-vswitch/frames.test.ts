// What hil sets is what passes: frames sent into real ports of a real switch.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { movePort } from '../../../common/ovsdb/bridges.ts';
import { speakOvsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { openRemote } from '../../../common/ovsdb/remote.ts';
import { type Switch, startSwitch } from '../../../qemu/switch/switch.ts';
import { frame, type Plug, plugIn } from '../../../qemu/switch/test-plug.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import type { SwitchDriver } from '../driver.ts';
import { openVswitchType } from './driver.ts';

const test = testNeeding('openvswitch-switch', 'qemu-system-x86');
const { signal } = new AbortController();
const nothing = { native: null, tagged: [] };
const untagged = (native: number) => ({ native, tagged: [] });

/** A rack's switch with something in ports `a`, `b` and `c`, and hil's driver for it. */
async function setUp(
	t: ExecutionContext,
): Promise<{ network: Switch; driver: SwitchDriver; plugs: [Plug, Plug, Plug] }> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-ovs-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const run = `test-ovs-${randomBytes(4).toString('hex')}`;
	const network = await startSwitch({ run, folder });
	t.teardown(() => network.close());
	const plugs: Plug[] = [];
	for (const name of ['a', 'b', 'c']) {
		const plug = await plugIn(network, await network.createPort(name), run);
		t.teardown(() => plug.close());
		plugs.push(plug);
	}
	const driver = openVswitchType({ ca: undefined }).open({
		hostname: 'ovs-connected',
		isolated: 'ovs-isolated',
		database: `unix:${network.database}`,
		control: join(dirname(network.database), 'vswitchd.ctl'),
	});
	t.teardown(() => driver.close());
	return { network, driver, plugs: plugs as [Plug, Plug, Plug] };
}

test('frames pass within a network, with a tag or without, and nowhere else', async t => {
	const { driver, plugs } = await setUp(t);
	const [a, b, c] = plugs;
	await driver.setPort('a', { native: 10, tagged: [20] }, signal);
	await driver.setPort('b', untagged(10), signal);
	await driver.setPort('c', { native: null, tagged: [20] }, signal);
	a.send(frame('to ten', { from: 1 }));
	a.send(frame('to twenty', { from: 1, tag: 20 }));
	for (const tag of [1, 10, 4094, 4095]) a.send(frame(`to ${tag}`, { from: 1, tag }));
	b.send(frame('from ten', { from: 2 }));
	b.send(frame('hop', { from: 2, tag: 20 }));
	c.send(frame('from twenty', { from: 3, tag: 20 }));
	c.send(frame('from nowhere', { from: 3 }));
	await driver.setPort('a', untagged(20), signal);
	await driver.setPort('c', untagged(20), signal);
	a.send(frame('last', { from: 1 }));
	await c.waitFor('last');
	await driver.setPort('a', untagged(10), signal);
	a.send(frame('last', { from: 1 }));
	b.send(frame('last', { from: 2 }));
	await Promise.all([a.waitFor('last'), b.waitFor('last')]);
	// Its own network's tag is as good as none (vswitchd.conf.db(5), native-untagged).
	t.deepEqual(b.texts(), ['to ten', 'to 10', 'last']);
	t.deepEqual(c.texts(), ['to twenty@20', 'last']);
	t.deepEqual([...a.texts()].sort(), ['from ten', 'from twenty@20', 'last']);
});

test('ports that carry nothing hear nobody and are heard by nobody, whatever is sent', async t => {
	const { network, driver, plugs } = await setUp(t);
	const [a, b, c] = plugs;
	await driver.setPort('c', untagged(10), signal);
	// Parked, after each has been on a network; the switch knows where they are.
	for (const [port, plug, number] of [
		['a', a, 1],
		['b', b, 2],
	] as const) {
		await driver.setPort(port, untagged(10), signal);
		plug.send(frame(`here is ${port}`, { from: number }));
		await c.waitFor(`here is ${port}`);
		await driver.setPort(port, nothing, signal);
	}
	const sayAll = () => {
		for (const [plug, from, to] of [
			[a, 1, 2],
			[b, 2, 1],
		] as const) {
			for (const tag of [undefined, 0, 1, 10, 4094, 4095]) {
				const options = tag === undefined ? { from } : { from, tag };
				plug.send(frame('to all', options));
				plug.send(frame('to one', { ...options, to }));
				plug.send(frame('to c', { ...options, to: 3 }));
			}
		}
		for (const to of [1, 2]) c.send(frame('from c', { from: 3, to }));
		c.send(frame('from c', { from: 3 }));
	};
	sayAll();
	// Again when the switch has seen them.
	sayAll();
	await driver.setPort('a', untagged(10), signal);
	a.send(frame('a is back', { from: 1 }));
	await c.waitFor('a is back');
	await driver.setPort('b', untagged(10), signal);
	b.send(frame('b is back', { from: 2 }));
	await Promise.all([c.waitFor('b is back'), a.waitFor('b is back')]);
	t.deepEqual(c.texts(), ['here is a', 'here is b', 'a is back', 'b is back']);
	t.deepEqual(a.texts(), ['b is back']);
	t.deepEqual(b.texts(), []);
	t.deepEqual((await network.ports()).length, 3);
});

test('where another port would hear them, those that carry nothing leave the bridge', async t => {
	const { network, driver, plugs } = await setUp(t);
	const [a, , c] = plugs;
	const others = await speakOvsdb(await openRemote({ kind: 'unix', path: network.database }));
	t.teardown(() => others.close());
	await driver.setPort('a', nothing, signal);
	await driver.setPort('c', untagged(10), signal);
	// Somebody makes a trunk of all VLANs of it, as ovs-vsctl add-port does.
	const [, found] = await others.transact([
		{
			op: 'update',
			table: 'Port',
			where: [['name', '==', 'c']],
			row: { tag: ['set', []], vlan_mode: ['set', []], trunks: ['set', []] },
		},
		{ op: 'select', table: 'Port', where: [['name', '==', 'a']], columns: ['_uuid'] },
	]);
	const { rows } = found as { rows: [{ _uuid: ['uuid', string] }] };
	await others.transact([
		movePort('ovs-isolated', 'delete', rows[0]._uuid),
		movePort('ovs-connected', 'insert', rows[0]._uuid),
	]);
	t.deepEqual(
		await driver.readPort('a', signal),
		{ native: null, tagged: [4095] },
		'it is told as what it is',
	);
	await driver.setPort('a', nothing, signal);
	t.deepEqual(await driver.readPort('a', signal), nothing);
	for (const tag of [1, 10, 4095]) a.send(frame(`stray ${tag}`, { from: 1, tag }));
	a.send(frame('stray', { from: 1 }));
	await driver.setPort('a', { native: null, tagged: [10] }, signal);
	a.send(frame('tagged', { from: 1, tag: 10 }));
	await c.waitFor('tagged@10');
	t.deepEqual(c.texts(), ['tagged@10']);
});

test('once a port is said to be off a network, not one more frame passes', async t => {
	const { driver, plugs } = await setUp(t);
	const [a, b] = plugs;
	await driver.setPort('b', untagged(10), signal);
	const rounds = 60;
	for (let round = 0; round < rounds; round++) {
		await driver.setPort('a', untagged(10), signal);
		a.send(frame(`on ${round}`, { from: 1 }));
		await b.waitFor(`on ${round}`);
		await driver.setPort('a', round % 2 === 0 ? nothing : untagged(11), signal);
		a.send(frame(`off ${round}`, { from: 1 }));
	}
	await driver.setPort('a', untagged(10), signal);
	a.send(frame('last', { from: 1 }));
	await b.waitFor('last');
	t.deepEqual(b.texts(), [...Array.from({ length: rounds }, (_, round) => `on ${round}`), 'last']);
});
