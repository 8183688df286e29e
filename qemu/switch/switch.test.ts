import { execFile, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { speakJsonRpc } from '../../common/ovsdb/json-rpc.ts';
import { openRemote } from '../../common/ovsdb/remote.ts';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { type Switch, startSwitch } from './switch.ts';
import { frame, type Plug, plugIn } from './test-plug.ts';

const test = testNeeding('openvswitch-switch', 'qemu-system-x86');
const execute = promisify(execFile);
const access = (vlan: number | null) => ({ untagged: vlan, tagged: [] });

async function newSwitch(t: ExecutionContext): Promise<{ network: Switch; run: string; folder: string }> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-switch-'));
	const run = `test-switch-${randomBytes(4).toString('hex')}`;
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const network = await startSwitch({ run, folder });
	t.teardown(async () => {
		await network.close();
		const left = await findChildren(run);
		if (left.length > 0) throw new Error(`left behind: ${left.map(({ command }) => command).join('; ')}`);
	});
	return { network, run, folder };
}

async function plugged(t: ExecutionContext, network: Switch, run: string, names: readonly string[]) {
	const plugs = await Promise.all(
		names.map(async name => plugIn(network, await network.createPort(name), run)),
	);
	for (const plug of plugs) t.teardown(() => plug.close());
	return plugs as [Plug, Plug, Plug];
}

test('frames pass within a VLAN only, at once after a change, and never without one', async t => {
	const { network, run } = await newSwitch(t);
	const [a, b, c] = await plugged(t, network, run, [
		'node1.0',
		'node2.0',
		'a-port-with-a-name-that-fits-no-device',
	]);
	const say = (text: string, tag?: number) =>
		a.send(frame(text, tag === undefined ? { from: 1 } : { from: 1, tag }));

	// Nobody has a VLAN: two ports without one do not hear each other either, however the frame is dressed up.
	say('nobody');
	for (const tag of [1, 10, 4094, 4095]) say(`nobody-${tag}`, tag);

	await network.setVlans('node1.0', access(10));
	say('alone');
	await network.setVlans('node2.0', access(10));
	say('both');
	await b.waitFor('both');
	// An access port takes no tagged frames: not of another VLAN, not of its own.
	await network.setVlans('a-port-with-a-name-that-fits-no-device', access(20));
	say('hop-to-20', 20);
	say('hop-to-10', 10);
	say('doubly', 0x0fff);

	await network.setVlans('node1.0', access(20));
	say('moved');
	await c.waitFor('moved');
	await network.setVlans('node1.0', access(10));
	say('back');
	await b.waitFor('back');
	await network.setVlans('node1.0', access(null));
	say('cut off');
	c.send(frame('to nobody', { from: 3 }));
	await network.setVlans('node1.0', access(10));
	say('again');
	await b.waitFor('again');
	await network.setVlans('node2.0', access(null));
	say('not to b');
	await network.setVlans('node2.0', access(10));
	say('last');
	await b.waitFor('last');
	// One port takes frames in their order: what should not have come would be here by now.
	t.deepEqual(b.texts(), ['both', 'back', 'again', 'last']);
	t.deepEqual(c.texts(), ['moved']);
	t.deepEqual(a.texts(), []);
});

test('a trunk carries its VLANs with their tags, its own without one, and no other', async t => {
	const { network, run } = await newSwitch(t);
	const [trunk, ten, twenty] = await plugged(t, network, run, ['trunk', 'ten', 'twenty']);
	await network.setVlans('ten', access(10));
	await network.setVlans('twenty', access(20));
	const say = (text: string, tag?: number) =>
		trunk.send(frame(text, tag === undefined ? { from: 1 } : { from: 1, tag }));
	const answer = async (plug: Plug, text: string, as: string) => {
		plug.send(frame(text, { from: 9 }));
		await trunk.waitFor(as);
	};
	// Tags only: what has none belongs nowhere.
	await network.setVlans('trunk', { untagged: null, tagged: [10, 30] });
	say('lost');
	say('lost too', 20);
	say('to ten', 10);
	await ten.waitFor('to ten');
	await answer(ten, 'from ten', 'from ten@10');
	// With a VLAN of its own.
	await network.setVlans('trunk', { untagged: 20, tagged: [10] });
	say('to twenty');
	await twenty.waitFor('to twenty');
	await answer(twenty, 'from twenty', 'from twenty');
	say('to ten again', 10);
	await ten.waitFor('to ten again');
	t.deepEqual((await network.ports()).find(({ name }) => name === 'trunk')?.vlans, {
		untagged: 20,
		tagged: [10],
	});
	// Back to one VLAN: no trunk is left of it.
	await network.setVlans('trunk', access(20));
	say('no more', 10);
	say('still');
	await twenty.waitFor('still');
	await network.setVlans('trunk', access(null));
	say('nothing', 10);
	say('nothing');
	await network.setVlans('trunk', access(20));
	say('last');
	await twenty.waitFor('last');
	t.deepEqual(ten.texts(), ['to ten', 'to ten again']);
	t.deepEqual(twenty.texts(), ['to twenty', 'still', 'last']);
	t.deepEqual(trunk.texts(), ['from ten@10', 'from twenty']);
	for (const wrong of [
		{ untagged: 10, tagged: [10] },
		{ untagged: null, tagged: [4095] },
	])
		await t.throwsAsync(network.setVlans('trunk', wrong), { code: 'VlanWrong' });
});

test('a change is in force when it is said to be: no frame passes by what was right before', async t => {
	const { network, run } = await newSwitch(t);
	const [a, b, c] = await plugged(t, network, run, ['a', 'b', 'c']);
	await Promise.all([network.setVlans('b', access(10)), network.setVlans('c', access(20))]);
	const began = performance.now();
	const rounds = 40;
	for (let round = 0; round < rounds; round++) {
		for (const [vlan, plug] of [
			[10, b],
			[20, c],
		] as const) {
			await network.setVlans('a', access(vlan));
			a.send(frame(`${vlan}-${round}`, { from: 1 }));
			await plug.waitFor(`${vlan}-${round}`);
			await network.setVlans('a', access(null));
			a.send(frame(`none-${round}`, { from: 1 }));
		}
	}
	t.log(`${((performance.now() - began) / rounds / 4).toFixed(1)} ms for a change`);
	const expected = (vlan: number) => Array.from({ length: rounds }, (_, round) => `${vlan}-${round}`);
	t.deepEqual(b.texts(), expected(10));
	t.deepEqual(c.texts(), expected(20));
});

test('nor does one come to where its station was, though the switch is reminded of that while it forgets', async t => {
	const { network, run } = await newSwitch(t);
	const [a, b, c] = await plugged(t, network, run, ['a', 'b', 'c']);
	const control = speakJsonRpc(
		await openRemote({ kind: 'unix', path: join(dirname(network.database), 'vswitchd.ctl') }),
	);
	t.teardown(() => control.close());
	for (const port of ['a', 'b', 'c']) await network.setVlans(port, access(10));
	for (const text of ['here', 'still here']) {
		a.send(frame(text, { from: 1, to: 2 }));
		await b.waitFor(text);
	}
	await control.ask('revalidator/wait', []);
	// What comes now is counted when the switch forgets, and no earlier.
	await control.ask('revalidator/pause', []);
	try {
		a.send(frame('here as well', { from: 1, to: 2 }));
		await b.waitFor('here as well');
		await network.setVlans('a', access(20));
	} finally {
		await control.ask('revalidator/resume', []);
	}
	b.send(frame('to where it was', { from: 2, to: 1 }));
	b.send(frame('for all', { from: 2 }));
	await c.waitFor('for all');
	await network.setVlans('a', access(10));
	b.send(frame('here again', { from: 2 }));
	await a.waitFor('here again');
	t.deepEqual(a.texts(), ['here again']);
});

test('a switch that ends leaves another one alone', async t => {
	const [system, ours] = [await newSwitch(t), await newSwitch(t)];
	const [a, b] = await plugged(t, system.network, system.run, ['a', 'b']);
	await Promise.all([system.network.setVlans('a', access(7)), system.network.setVlans('b', access(7))]);
	const looks = async () => ({
		processes: (await findChildren(system.run)).map(({ pid, startTime }) => `${pid} ${startTime}`),
		files: (await readdir(system.folder)).sort(),
		ports: await system.network.ports(),
		devices: await devicesOf(system.network),
	});
	const before = await looks();
	const plugs = await plugged(t, ours.network, ours.run, ['a', 'b']);
	await ours.network.setVlans('a', access(8));
	await ours.network.removePort('b');
	for (const plug of plugs) await plug.close();
	await ours.network.close();
	t.deepEqual(await looks(), before);
	a.send(frame('still', { from: 1 }));
	await b.waitFor('still');
	t.deepEqual(await findChildren(ours.run), []);
});

test('the machine itself has no device of the switch and cannot be reached through one', async t => {
	const outside = await readdir('/sys/class/net');
	const { network, run } = await newSwitch(t);
	await plugged(t, network, run, ['a']);
	await network.setVlans('a', access(7));
	t.deepEqual(await readdir('/sys/class/net'), outside);
	const addresses = await execute('nsenter', [`--net=${network.network}`, 'ip', '-brief', 'address']);
	t.regex(addresses.stdout, /^a /m);
	t.notRegex(addresses.stdout, /\d+\.\d+\.\d+\.\d+|[0-9a-f]+::/);
});

test('a switch that breaks down says so', async t => {
	const { network, run } = await newSwitch(t);
	const daemon = (await findChildren(run)).find(({ command }) => /^\S*ovs-vswitchd /.test(command));
	if (!daemon) return t.fail('there is no ovs-vswitchd');
	process.kill(daemon.pid, 'SIGKILL');
	t.regex(await network.failed, /^ovs-vswitchd has ended \(SIGKILL\)/);
	await t.throwsAsync(network.createPort('a'), { code: 'SwitchGone' });
});

test('a switch ends with the process that started it, even when that is killed', async t => {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-switch-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const run = `test-switch-${randomBytes(4).toString('hex')}`;
	const child = fork(fileURLToPath(new URL('switch-child.fixture.ts', import.meta.url)), [run, folder], {
		execArgv: ['--disable-warning=ExperimentalWarning'],
	});
	t.teardown(() => child.kill('SIGKILL'));
	const [namespace] = (await once(child, 'message')) as [string];
	t.true((await findChildren(run)).length >= 2);
	t.true(await isNamespace(namespace));
	child.kill('SIGKILL');
	await once(child, 'exit');
	t.true(await soon(async () => (await findChildren(run)).length === 0));
	t.true(await soon(async () => !(await isNamespace(namespace))));
});

test('ports are listed as they are, with what is wrong said', async t => {
	const { network, run } = await newSwitch(t);
	t.deepEqual(await network.ports(), []);
	const [a] = await plugged(t, network, run, ['node2.0']);
	await network.createPort('node10.0');
	await network.setVlans('node10.0', access(4094));
	const port = { isLinked: false, fault: undefined };
	t.deepEqual(await network.ports(), [
		{ ...port, name: 'node2.0', tap: 'node2.0', vlans: access(null), isLinked: true },
		{ ...port, name: 'node10.0', tap: 'node10.0', vlans: access(4094) },
	]);
	await t.throwsAsync(network.createPort('node2.0'), { code: 'PortExists' });
	await t.throwsAsync(network.createPort('a b'), { code: 'PortNameWrong' });
	for (const vlan of [0, 4095, 1.5, -1, Number.NaN])
		await t.throwsAsync(network.setVlans('node2.0', access(vlan)), { code: 'VlanWrong' });
	await t.throwsAsync(network.setVlans('node3.0', access(5)), { code: 'PortUnknown' });
	await t.throwsAsync(network.removePort('node3.0'), { code: 'PortUnknown' });
	await a.close();
	await network.removePort('node2.0');
	t.deepEqual(
		(await network.ports()).map(({ name }) => name),
		['node10.0'],
	);
	// Twice at the same time: one gets it.
	const both = await Promise.allSettled([network.createPort('node2.0'), network.createPort('node2.0')]);
	t.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
	t.is((await network.ports()).length, 2);
});

async function devicesOf(network: Switch): Promise<readonly string[]> {
	const { stdout } = await execute('nsenter', [`--net=${network.network}`, 'ip', '-brief', 'link']);
	return stdout.trim().split('\n');
}

/** Whether a network namespace of this number (`net:[4026532000]`) has a process in it. */
async function isNamespace(name: string): Promise<boolean> {
	const { stdout } = await execute('lsns', ['--type', 'net', '--noheadings', '--output', 'NS']);
	return stdout.includes(name.replace(/\D/g, ''));
}

async function soon(check: () => Promise<boolean>): Promise<boolean> {
	for (const end = performance.now() + 10_000; performance.now() < end; ) {
		if (await check()) return true;
		await new Promise(resolve => setTimeout(resolve, 20));
	}
	return false;
}
