// What hil sets is what passes: frames sent into real ports of a real switch.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../../common/clock.ts';
import { type JsonRpc, speakJsonRpc } from '../../../common/ovsdb/json-rpc.ts';
import { type Ovsdb, speakOvsdb } from '../../../common/ovsdb/ovsdb-client.ts';
import { openRemote } from '../../../common/ovsdb/remote.ts';
import { type Switch, startSwitch } from '../../../qemu/switch/switch.ts';
import { frame, type Plug, plugIn } from '../../../qemu/switch/test-plug.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import type { SwitchDriver } from '../driver.ts';
import { openVswitchType } from './driver.ts';
import { listeningPort } from './open-vswitch.fixture.ts';

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

/** Somebody else at the same database. */
async function otherThan(t: ExecutionContext, { database }: Switch): Promise<Ovsdb> {
	const others = await speakOvsdb(await openRemote({ kind: 'unix', path: database }));
	t.teardown(() => others.close());
	return others;
}

async function bridgeOf(others: Ovsdb, port: string): Promise<string | undefined> {
	const select = { op: 'select', table: 'Port', where: [['name', '==', port]], columns: ['_uuid'] } as const;
	const [ports] = (await others.transact([select])) as [{ rows: [{ _uuid: unknown }] }];
	const where = [['ports', 'includes', ports.rows[0]._uuid]];
	const [bridges] = (await others.transact([
		{ op: 'select', table: 'Bridge', where, columns: ['name'] },
	])) as [{ rows: { name: string }[] }];
	return bridges.rows[0]?.name;
}

// A frame is on its way for a while after it was sent. The switch takes those of one port in their order, so that what was
// sent before one that has come out has been dealt with.

test('frames pass within a network, with a tag or without, and nowhere else', async t => {
	const { driver, plugs } = await setUp(t);
	const [a, b, c] = plugs;
	await driver.setPort('a', { native: 10, tagged: [20] }, signal);
	await driver.setPort('b', untagged(10), signal);
	await driver.setPort('c', { native: null, tagged: [20] }, signal);
	for (const tag of [1, 10, 4094, 4095]) a.send(frame(`to ${tag}`, { from: 1, tag }));
	a.send(frame('to twenty', { from: 1, tag: 20 }));
	a.send(frame('to ten', { from: 1 }));
	b.send(frame('hop', { from: 2, tag: 20 }));
	b.send(frame('from ten', { from: 2 }));
	c.send(frame('from nowhere', { from: 3 }));
	c.send(frame('from twenty', { from: 3, tag: 20 }));
	await Promise.all([b.waitFor('to ten'), c.waitFor('to twenty@20')]);
	await Promise.all([a.waitFor('from ten'), a.waitFor('from twenty@20')]);
	await driver.setPort('a', untagged(20), signal);
	await driver.setPort('c', untagged(20), signal);
	a.send(frame('last', { from: 1 }));
	await c.waitFor('last');
	await driver.setPort('a', untagged(10), signal);
	a.send(frame('last', { from: 1 }));
	b.send(frame('last', { from: 2 }));
	await Promise.all([a.waitFor('last'), b.waitFor('last')]);
	// Its own network's tag is as good as none (vswitchd.conf.db(5), native-untagged).
	t.deepEqual(b.texts(), ['to 10', 'to ten', 'last']);
	t.deepEqual(c.texts(), ['to twenty@20', 'last']);
	t.deepEqual([...a.texts()].sort(), ['from ten', 'from twenty@20', 'last']);
});

test('ports that carry nothing hear nobody and are heard by nobody, whatever is sent', async t => {
	const { network, driver, plugs } = await setUp(t);
	const [a, b, c] = plugs;
	await driver.setPort('c', untagged(10), signal);
	const others = [
		['a', a, 1],
		['b', b, 2],
	] as const;
	for (const [port, plug, number] of others) {
		await driver.setPort(port, untagged(10), signal);
		plug.send(frame(`here is ${port}`, { from: number }));
		await c.waitFor(`here is ${port}`);
		await driver.setPort(port, nothing, signal);
		// To open a device anew on another bridge would take the switch ten times as long.
		t.is(await bridgeOf(await otherThan(t, network), port), 'ovs-connected');
	}
	const none = { untagged: null, tagged: [] };
	const shown = (await network.ports()).map(({ vlans }) => vlans);
	t.deepEqual(shown, [none, none, { untagged: 10, tagged: [] }]);
	// Twice, so that the switch may have learned where everybody is.
	for (let time = 0; time < 2; time++) {
		for (const [, plug, from] of others) {
			for (const tag of [undefined, 0, 1, 10, 4094, 4095]) {
				for (const to of [undefined, 1, 2, 3]) {
					plug.send(
						frame('stray', { from, ...(tag !== undefined && { tag }), ...(to !== undefined && { to }) }),
					);
				}
			}
		}
		for (const to of [1, 2]) c.send(frame('stray', { from: 3, to }));
		c.send(frame('stray', { from: 3 }));
	}
	// Each to a network with c alone, where what is still on its way may come out.
	await driver.setPort('c', { native: 30, tagged: [31, 32] }, signal);
	for (const [port, plug, from] of others) {
		await driver.setPort(port, untagged(30 + from), signal);
		plug.send(frame(`${port} is back`, { from }));
		await c.waitFor(`${port} is back@${30 + from}`);
	}
	c.send(frame('to a', { from: 3, tag: 31 }));
	c.send(frame('to b', { from: 3, tag: 32 }));
	await Promise.all([a.waitFor('to a'), b.waitFor('to b')]);
	t.deepEqual(
		c.texts().filter(text => !text.includes('@')),
		['here is a', 'here is b'],
	);
	t.deepEqual(a.texts(), ['to a']);
	t.deepEqual(b.texts(), ['to b']);
});

test('where another port would hear them, those that carry nothing leave the bridge', async t => {
	const { network, driver, plugs } = await setUp(t);
	const [a, b, c] = plugs;
	const others = await otherThan(t, network);
	await driver.setPort('a', untagged(10), signal);
	await driver.setPort('a', nothing, signal);
	t.is(await bridgeOf(others, 'a'), 'ovs-connected');
	// Somebody makes a trunk of all VLANs, as ovs-vsctl add-port does.
	await driver.setPort('c', untagged(10), signal);
	const row = { tag: ['set', []], vlan_mode: ['set', []], trunks: ['set', []] };
	await others.transact([{ op: 'update', table: 'Port', where: [['name', '==', 'c']], row }]);
	t.deepEqual(
		await driver.readPort('a', signal),
		{ native: null, tagged: [4095] },
		'it is told as what it is',
	);
	await driver.setPort('a', nothing, signal);
	t.is(await bridgeOf(others, 'a'), 'ovs-isolated');
	t.deepEqual(await driver.readPort('a', signal), nothing);
	await driver.setPort('b', untagged(10), signal);
	for (const tag of [1, 10, 4095]) a.send(frame('stray', { from: 1, tag }));
	a.send(frame('stray', { from: 1 }));
	b.send(frame('from b', { from: 2 }));
	await c.waitFor('from b@10');
	// On a network that the trunk shows by its tag.
	await driver.setPort('a', untagged(31), signal);
	a.send(frame('a is back', { from: 1 }));
	await c.waitFor('a is back@31');
	t.deepEqual(
		c.texts().filter(text => text !== 'stray@31'),
		['from b@10', 'a is back@31'],
	);
});

test('once a port is said to be off a network, not one more frame passes', async t => {
	const { driver, plugs } = await setUp(t);
	await passesNoMore(t, driver, plugs, 60);
});

test('nor does one come to a port where its station was, though the switch remembers that while it forgets', async t => {
	const { network, driver, plugs } = await setUp(t);
	const control = await controlOf(t, network);
	await hearsNothingMore(t, driver, plugs, control, async change => {
		// What comes now it has counted when the port is set, and learns from no earlier than it forgets.
		await control.ask('revalidator/pause', []);
		try {
			await change();
		} finally {
			await control.ask('revalidator/resume', []);
		}
	});
});

/** The switch's own control socket. */
async function controlOf(t: ExecutionContext, { database }: Switch): Promise<JsonRpc> {
	const path = join(dirname(database), 'vswitchd.ctl');
	const control = speakJsonRpc(await openRemote({ kind: 'unix', path }));
	t.teardown(() => control.close());
	return control;
}

/** `during`: what is done to the switch while the change is made, so that it learns at the last moment where `a` was. */
async function hearsNothingMore(
	t: ExecutionContext,
	driver: SwitchDriver,
	[a, b, c]: readonly [Plug, Plug, Plug],
	control: JsonRpc,
	during: (change: () => Promise<void>) => Promise<void>,
): Promise<void> {
	for (const port of ['b', 'c']) await driver.setPort(port, untagged(10), signal);
	for (const [round, next] of [nothing, untagged(20), { native: null, tagged: [20] }, nothing].entries()) {
		await driver.setPort('a', { native: null, tagged: [10] }, signal);
		const say = async (text: string) => {
			a.send(frame(`${text} ${round}`, { from: 1, to: 2, tag: 10 }));
			await b.waitFor(`${text} ${round}`);
		};
		// Once so that it remembers, once so that it counts and has learned by that where the station is.
		await say('here');
		await say('still here');
		await control.ask('revalidator/wait', []);
		await during(async () => {
			await say('here as well');
			await driver.setPort('a', next, signal);
		});
		b.send(frame(`to where it was ${round}`, { from: 2, to: 1 }));
		b.send(frame(`for all ${round}`, { from: 2 }));
		await c.waitFor(`for all ${round}`);
	}
	await driver.setPort('a', untagged(10), signal);
	b.send(frame('here again', { from: 2 }));
	await a.waitFor('here again');
	t.deepEqual(a.texts(), ['here again']);
}

/** hil's driver where the switch's control socket is out of reach. */
async function driverFromAfar(t: ExecutionContext, network: Switch, clock?: Clock): Promise<SwitchDriver> {
	const others = await otherThan(t, network);
	await others.transact([
		{ op: 'insert', table: 'Manager', 'uuid-name': 'manager', row: { target: 'ptcp:0:127.0.0.1' } },
		{
			op: 'update',
			table: 'Open_vSwitch',
			where: [],
			row: { manager_options: ['named-uuid', 'manager'] },
		},
	]);
	const driver = openVswitchType({ ca: undefined }, clock).open({
		hostname: 'ovs-connected',
		isolated: 'ovs-isolated',
		database: `tcp:127.0.0.1:${await listeningPort(others)}`,
	});
	t.teardown(() => driver.close());
	return driver;
}

test('nor where the switch can only be given time to forget', async t => {
	const { network, plugs } = await setUp(t);
	await passesNoMore(t, await driverFromAfar(t, network), plugs, 4);
});

test('nor does one come to a port there', async t => {
	t.timeout(240_000);
	const { network, plugs } = await setUp(t);
	const control = await controlOf(t, network);
	let atTheLast = async (): Promise<void> => undefined;
	const clock: Clock = {
		...systemClock,
		// When the time is up that hil gives it, the switch has just forgotten; and learned.
		after: (ms, fn) => systemClock.after(ms, ms === 1000 ? () => void atTheLast().then(fn) : fn),
	};
	const driver = await driverFromAfar(t, network, clock);
	await hearsNothingMore(t, driver, plugs, control, async change => {
		await control.ask('revalidator/pause', []);
		atTheLast = async () => {
			atTheLast = async () => undefined;
			await control.ask('revalidator/purge', []);
			await control.ask('revalidator/resume', []);
		};
		await change();
	});
});

async function passesNoMore(
	t: ExecutionContext,
	driver: SwitchDriver,
	[a, b, c]: readonly [Plug, Plug, Plug],
	rounds: number,
): Promise<void> {
	await driver.setPort('b', untagged(10), signal);
	await driver.setPort('c', untagged(30), signal);
	for (let round = 0; round < rounds; round++) {
		await driver.setPort('a', untagged(10), signal);
		a.send(frame(`on ${round}`, { from: 1 }));
		await b.waitFor(`on ${round}`);
		await driver.setPort('a', round % 2 === 0 ? nothing : untagged(11), signal);
		a.send(frame(`off ${round}`, { from: 1 }));
		await driver.setPort('a', untagged(30), signal);
		a.send(frame(`elsewhere ${round}`, { from: 1 }));
		await c.waitFor(`elsewhere ${round}`);
	}
	t.deepEqual(
		b.texts(),
		Array.from({ length: rounds }, (_, round) => `on ${round}`),
	);
}
