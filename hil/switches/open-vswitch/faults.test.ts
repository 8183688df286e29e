// What goes wrong on the way to the switch, in it, and by the hands of others.
import { once } from 'node:events';
import { symlink, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../../common/clock.ts';
import { addBridge } from '../../../common/ovsdb/bridges.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import type { Settings, SwitchDriver } from '../driver.ts';
import { openVswitchType } from './driver.ts';
import { startTestVswitch, type TestVswitch } from './open-vswitch.fixture.ts';
import { type HeldTransaction, type OvsdbRelay, startOvsdbRelay } from './relay.fixture.ts';

const test = testNeeding('openvswitch-switch');
const { signal } = new AbortController();
const nothing = { native: null, tagged: [] };
const untagged = (native: number) => ({ native, tagged: [] });

async function setUp(t: ExecutionContext) {
	const vswitch = await startTestVswitch();
	t.teardown(() => vswitch.close());
	const relay = await startOvsdbRelay(join(vswitch.folder, 'relay.sock'), join(vswitch.folder, 'db.sock'));
	t.teardown(() => relay.close());
	/** By way of the relay, and directly. */
	return {
		vswitch,
		relay,
		driver: open(t, vswitch, { database: `unix:${relay.path}` }),
		other: open(t, vswitch),
	};
}

function open(
	t: ExecutionContext,
	{ settings }: Pick<TestVswitch, 'settings'>,
	more: Settings = {},
): SwitchDriver {
	const driver = openVswitchType({ ca: undefined }).open({ ...settings, ...more });
	t.teardown(() => driver.close());
	return driver;
}

/** What others write without counting the configuration up. */
const byHand = (vswitch: TestVswitch, port: string, row: object) =>
	vswitch.daemons().ovsdb.transact([{ op: 'update', table: 'Port', where: [['name', '==', port]], row }]);

/** A promise, and what resolves it. */
function signalOf(): { readonly came: Promise<void>; come(): void } {
	let come: () => void = () => undefined;
	const came = new Promise<void>(resolve => {
		come = resolve;
	});
	return { came, come };
}

/** Holds the next change of a port back on its way; `pass` lets it through, and resolves when the switch has answered. */
const holdChange = (relay: OvsdbRelay) => holdFirst(relay, ({ isChange }) => isChange);

function holdFirst(relay: OvsdbRelay, isIt: (transaction: HeldTransaction) => boolean = () => true) {
	const [held, free, over] = [signalOf(), signalOf(), signalOf()];
	relay.hold(async transaction => {
		if (!isIt(transaction)) return transaction.pass();
		held.come();
		await free.came;
		await transaction.pass();
		over.come();
	});
	return {
		held: held.came,
		pass: (): Promise<void> => {
			free.come();
			return over.came;
		},
	};
}

test('a change that was given up does not come true later', async t => {
	const { vswitch, relay, driver, other } = await setUp(t);
	await driver.setPort('p1', untagged(10), signal);
	const { held, pass } = holdChange(relay);
	const given = new AbortController();
	const change = driver.setPort('p1', untagged(11), given.signal);
	await held;
	given.abort(new Error('given up'));
	await t.throwsAsync(change, { message: 'given up' });
	// Whoever comes next only looks: all is as the change wants to find it.
	t.deepEqual(await other.readPort('p1', signal), untagged(10));
	await pass();
	t.deepEqual(await other.readPort('p1', signal), untagged(10));
	t.deepEqual(await open(t, vswitch).readPort('p1', signal), untagged(10));
});

test('a call that is given up while it connects ends at once, and does nothing later', async t => {
	const { vswitch, relay, driver, other } = await setUp(t);
	const given = new AbortController();
	const { held, pass } = holdFirst(relay);
	const change = driver.setPort('p1', untagged(10), given.signal);
	await held;
	given.abort(new Error('given up'));
	await t.throwsAsync(change, { message: 'given up' });
	await pass();
	t.deepEqual(await other.readPort('p1', signal), nothing);

	// Before it has asked for anything, of a database that says nothing.
	const path = join(vswitch.folder, 'silent.sock');
	const server = createServer().listen(path);
	t.teardown(() => server.close());
	const again = new AbortController();
	const connected = once(server, 'connection');
	const reading = open(t, vswitch, { database: `unix:${path}` }).readPort('p1', again.signal);
	const [socket] = (await connected) as [Socket];
	await once(socket, 'data');
	again.abort(new Error('given up'));
	await t.throwsAsync(reading, { message: 'given up' });
	await once(socket.resume(), 'close');
});

test('what others change in the middle of a change is not taken for what was looked at', async t => {
	const { vswitch, relay, driver } = await setUp(t);
	for (const [what, meddle] of [
		[
			'with ovs-vsctl',
			() => vswitch.change({ op: 'update', table: 'Port', where: [['name', '==', 'p1']], row: { tag: 7 } }),
		],
		['without a word', () => byHand(vswitch, 'p1', { tag: 7 })],
	] as const) {
		await driver.setPort('p1', untagged(10), signal);
		let times = 0;
		relay.hold(async transaction => {
			if (transaction.isChange && ++times === 1) await meddle();
			await transaction.pass();
		});
		await driver.setPort('p1', { native: null, tagged: [11] }, signal);
		t.is(times, 2, `${what}: looked at again`);
		t.deepEqual(await driver.readPort('p1', signal), { native: null, tagged: [11] });
	}
	let vlan = 100;
	relay.hold(async transaction => {
		if (transaction.isChange) await byHand(vswitch, 'p1', { trunks: vlan++ });
		await transaction.pass();
	});
	await t.throwsAsync(driver.setPort('p1', untagged(10), signal), {
		code: 'SwitchAway',
		message: /somebody else/,
	});
});

test('a connection that is cut in the middle of a change: the next look says what became of it', async t => {
	const { relay, driver } = await setUp(t);
	relay.hold(async transaction => {
		if (!transaction.isChange) return transaction.pass();
		await transaction.carryOut();
		transaction.cut();
	});
	await t.throwsAsync(driver.setPort('p1', untagged(10), signal), { code: 'SwitchAway' });
	t.deepEqual(await driver.readPort('p1', signal), untagged(10));
	await t.throwsAsync(driver.setPort('p1', nothing, signal), { code: 'SwitchAway' });
	relay.hold();
	await driver.setPort('p1', nothing, signal);
	t.deepEqual(await driver.readPort('p1', signal), nothing);
});

test('what stands in the database counts when the switch does it, not before', async t => {
	const { vswitch, driver } = await setUp(t);
	await driver.setPort('p1', untagged(10), signal);
	const pid = await vswitch.pidOf('ovs-vswitchd');
	process.kill(pid, 'SIGSTOP');
	t.teardown(() => {
		try {
			process.kill(pid, 'SIGCONT');
		} catch {
			// It was killed below.
		}
	});
	const given = new AbortController();
	const change = driver.setPort('p1', nothing, given.signal);
	const early = await Promise.race([change.then(() => 'done'), isWritten(vswitch).then(() => 'written')]);
	t.is(early, 'written');
	given.abort(new Error('given up'));
	await t.throwsAsync(change, { message: 'given up' });
	// It is as wanted in the database, and no look says so while the switch does otherwise.
	const look = new AbortController();
	const reading = driver.readPort('p1', look.signal);
	t.is(
		await Promise.race([
			reading.then(() => 'read'),
			new Promise(resolve => setTimeout(resolve, 300, 'waits')),
		]),
		'waits',
	);
	look.abort(new Error('given up'));
	await t.throwsAsync(reading);
	process.kill(pid, 'SIGCONT');
	t.deepEqual(await driver.readPort('p1', signal), nothing);
});

/** Resolves when `p1` is parked in the database. */
async function isWritten(vswitch: TestVswitch): Promise<void> {
	for (;;) {
		const where = [
			['name', '==', 'p1'],
			['protected', '==', true],
		];
		const [found] = await vswitch
			.daemons()
			.ovsdb.transact([{ op: 'select', table: 'Port', where, columns: ['name'] }]);
		if ((found as { rows: unknown[] }).rows.length > 0) return;
		await new Promise(resolve => setTimeout(resolve, 5));
	}
}

test('a switch that has ended is away, and one that was started again is not', async t => {
	const { vswitch, driver } = await setUp(t);
	await driver.setPort('p1', untagged(10), signal);
	await vswitch.restart();
	// Its devices are new as well: it finds them again by name.
	t.deepEqual(await driver.readPort('p1', signal), untagged(10));
	await driver.setPort('p1', untagged(11), signal);
	process.kill(await vswitch.pidOf('ovs-vswitchd'), 'SIGKILL');
	await vswitch.daemons().failed;
	await t.throwsAsync(driver.setPort('p1', untagged(12), signal), { code: 'SwitchAway' });
	await t.throwsAsync(driver.readPort('p1', signal), { code: 'SwitchAway' });
	await vswitch.restart();
	// The database may have heard of the change before anybody knew that the switch had ended.
	const { native } = await driver.readPort('p1', signal);
	t.true(native === 11 || native === 12, `${native}`);
	await driver.setPort('p1', untagged(13), signal);
	t.deepEqual(await driver.readPort('p1', signal), untagged(13));
});

test('a port that cannot be had, and a bridge that is another than it seems, are refused with the reason', async t => {
	const { vswitch, driver } = await setUp(t);
	const refuses = async (port: string, message: RegExp) => {
		await t.throwsAsync(driver.setPort(port, untagged(10), signal), { code: 'SwitchRefused', message });
	};
	const bridge = (name: string, row: object) =>
		vswitch.change({ op: 'update', table: 'Bridge', where: [['name', '==', name]], row });
	await vswitch.change(...addBridge('br1', { failMode: 'standalone', datapathType: 'netdev' }));
	await vswitch.addPorts('br1', 'q1');
	await refuses('q1', /^port q1 is on bridge br1, not on br0 or br0-off$/);
	await refuses('none', /no port none/);
	// A device that is not there.
	await vswitch.addPorts('br0-off', 'gone');
	await vswitch.change({
		op: 'update',
		table: 'Interface',
		where: [['name', '==', 'gone']],
		row: { type: 'system' },
	});
	await refuses('gone', /^the switch cannot use port gone: .*gone/);
	await driver.setPort('gone', nothing, signal);
	t.deepEqual(await driver.readPort('gone', signal), nothing);
	await bridge('br0', { fail_mode: 'secure' });
	await refuses('p1', /bridge br0 does not switch by VLAN/);
	await bridge('br0', { fail_mode: 'standalone' });
	await bridge('br0-off', { fail_mode: 'standalone' });
	await refuses('p1', /bridge br0-off could pass something/);
	await bridge('br0-off', { fail_mode: 'secure' });
	await driver.setPort('p1', untagged(10), signal);
	t.deepEqual(await driver.readPort('p1', signal), untagged(10));
	await t.throwsAsync(driver.setPort('p1', untagged(4095), signal), {
		code: 'SwitchRefused',
		message: /4095 is no VLAN/,
	});
	await t.throwsAsync(open(t, vswitch, { hostname: 'br9' }).readPort('p1', signal), {
		code: 'SwitchRefused',
		message: /no bridge br9/,
	});
});

test('a port that somebody has just added carries all VLANs until it is set, and is taken off the bridge where it must', async t => {
	const { vswitch } = await setUp(t);
	// The bridge for ports that carry nothing is made when it is needed: a new port is a trunk of all VLANs.
	const driver = open(t, vswitch, { isolated: 'elsewhere' });
	await vswitch.addPorts('br0', 'new', 'uplink');
	const found = await driver.readPort('new', signal);
	t.is(found.native, 0);
	t.is(found.tagged.length, 4095);
	await driver.setPort('new', nothing, signal);
	t.deepEqual(await driver.readPort('new', signal), nothing);
	const where = [['name', '==', 'elsewhere']];
	const columns = ['fail_mode', 'datapath_type'];
	const [bridge] = await vswitch
		.daemons()
		.ovsdb.transact([{ op: 'select', table: 'Bridge', where, columns }]);
	t.deepEqual((bridge as { rows: unknown[] }).rows, [{ fail_mode: 'secure', datapath_type: 'netdev' }]);
	await driver.setPort('new', { native: 10, tagged: [11] }, signal);
	t.deepEqual(await driver.readPort('new', signal), { native: 10, tagged: [11] });
});

test('the control socket is found beside the database, where Open vSwitch puts it, or asked for', async t => {
	const { vswitch } = await setUp(t);
	const { hostname = '', database = '', control = '' } = vswitch.settings;
	const reading = () => open(t, { settings: { hostname, database } }).readPort('p1', signal);
	await t.throwsAsync(reading(), {
		code: 'SwitchAway',
		message: /ovs-vswitchd\.pid cannot be read.* name that as control/,
	});
	const pid = await vswitch.pidOf('ovs-vswitchd');
	await writeFile(join(vswitch.folder, 'ovs-vswitchd.pid'), `${pid}\n`);
	await t.throwsAsync(reading(), { code: 'SwitchAway', message: /ENOENT/ });
	await symlink(control, join(vswitch.folder, `ovs-vswitchd.${pid}.ctl`));
	t.deepEqual(await reading(), nothing);
});

test('answers that are garbage, endless or none are those of a switch that is away', async t => {
	const { vswitch } = await setUp(t);
	const path = join(vswitch.folder, 'strange.sock');
	const sockets: Socket[] = [];
	let answer: string | undefined = '';
	const server = createServer(socket => {
		sockets.push(socket.on('error', () => undefined));
		socket.once('data', () => {
			if (answer !== undefined) socket.write(answer);
		});
	}).listen(path);
	await once(server, 'listening');
	t.teardown(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	const clock = new FakeClock();
	const ask = () => {
		const driver = openVswitchType({ ca: undefined }, clock).open({
			...vswitch.settings,
			database: `unix:${path}`,
		});
		t.teardown(() => driver.close());
		return driver.readPort('p1', signal);
	};
	for (const text of [
		'HTTP/1.1 400 Bad Request\r\n\r\n',
		'{"id":1,"result":{"Open_vSwitch":7},"error":null}',
		'{"id":1,"result":null,"error":"unknown database"}',
		'{}',
		`{"id":1,"result":"${'x'.repeat(5 * 1024 * 1024)}`,
	]) {
		answer = text;
		const fault = await t.throwsAsync(ask(), undefined, text.slice(0, 40));
		t.regex(
			(fault as { code?: string } | undefined)?.code ?? '',
			/^Switch(Away|Refused)$/,
			text.slice(0, 40),
		);
		t.true((fault?.message.length ?? 0) < 500, fault?.message.slice(0, 600));
	}
	answer = undefined;
	const connected = once(server, 'connection');
	const asked = ask();
	await connected;
	// Its first question is on its way: nobody else waits for this clock.
	await new Promise(resolve => setImmediate(resolve));
	clock.advance(10_000);
	await t.throwsAsync(asked, { code: 'SwitchAway', message: /does not answer/ });
	await t.throwsAsync(open(t, vswitch, { database: 'unix:/nowhere/db.sock' }).readPort('p1', signal), {
		code: 'SwitchAway',
		message: /ENOENT/,
	});
});
