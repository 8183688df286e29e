import test from 'ava';
import { Registry } from 'prom-client';
import { registerPort } from '../core/switches.ts';
import { switchChecks } from '../model/switch-check.ts';
import type { SwitchType } from '../switches/driver.ts';
import { createMockSwitches } from '../switches/mock.ts';
import { createNetworkBench, type NetworkBench, portOf } from './network.fixture.ts';

const minute = 60_000;
const nothing = { native: null, tagged: [] };
const told = { every: 15 * minute, repair: false };

/** Lets `ms` pass in big steps: nothing but checks is to come. */
async function pass(bench: NetworkBench, ms: number): Promise<void> {
	for (let passed = 0; passed < ms; passed += 10_000) {
		bench.clock.advance(10_000);
		await bench.workers.idle();
	}
}
const lastCheck = (bench: NetworkBench, label = 's1') => bench.store.read(tx => tx.get(switchChecks, label));

test('a switch is looked at within minutes of the start, and every quarter of an hour from then on', async t => {
	const bench = await createNetworkBench({ checks: told });
	await bench.workers.start();
	await pass(bench, 2 * minute);
	t.is(await lastCheck(bench), undefined);
	await pass(bench, minute);
	const first = await lastCheck(bench);
	t.like(first, { ports: 2, drifted: [] });
	await pass(bench, 14 * minute);
	t.deepEqual(await lastCheck(bench), first);
	await pass(bench, minute);
	t.is((await lastCheck(bench))?.startedAt, (first?.endedAt ?? 0) + 15 * minute);
});

test('what differs is told and left alone: changed ports, and a port that has no NIC and carries something', async t => {
	const registry = new Registry();
	const bench = await createNetworkBench({ checks: told, registry });
	const { ports } = bench.mocks.at('s1');
	await bench.do(registerPort, { switch: 's1', port: 'te1/9' });
	await bench.workers.start();
	await bench.connect('n1', 'a');
	await bench.workers.idle();
	ports.set(portOf(1), { native: 10, tagged: [11] });
	ports.set('te1/9', { native: 10, tagged: [] });
	await pass(bench, 3 * minute);
	const drifted = { repaired: false, error: null };
	t.like(await lastCheck(bench), {
		ports: 3,
		drifted: [
			{
				...drifted,
				port: portOf(1),
				nic: 'n1/eth0',
				recorded: { native: 10, tagged: [] },
				found: { native: 10, tagged: [11] },
			},
			{ ...drifted, port: 'te1/9', nic: null, recorded: nothing, found: { native: 10, tagged: [] } },
		],
	});
	t.deepEqual(ports.get(portOf(1)), { native: 10, tagged: [11] });
	const metrics = async () => {
		const text = await registry.metrics();
		return (name: string) => text.match(new RegExp(`^bimetal_hil_${name} (\\d+)`, 'm'))?.[1];
	};
	t.is((await metrics())('drifted_ports\\{switch="s1"\\}'), '2');
	t.is((await metrics())('switch_reachable\\{switch="s1"\\}'), '1');
	t.is((await metrics())('drift_checks_total\\{switch="s1",outcome="drifted"\\}'), '1');
	await bench.workers.inspect('s1', true);
	t.deepEqual(ports.get(portOf(1)), { native: 10, tagged: [] });
	t.is((await metrics())('drifted_ports\\{switch="s1"\\}'), '0');
	t.is((await metrics())('ports_repaired_total\\{switch="s1"\\}'), '2');
});

test('where the site says so, what differs is put right; a port that the switch will not change is told', async t => {
	const bench = await createNetworkBench({ checks: { ...told, repair: true } });
	const mock = bench.mocks.at('s1');
	await bench.workers.start();
	mock.ports.set(portOf(1), { native: 99, tagged: [] });
	await pass(bench, 3 * minute);
	t.like(await lastCheck(bench), { drifted: [{ port: portOf(1), repaired: true, error: null }] });
	t.deepEqual(mock.ports.get(portOf(1)), nothing);
	mock.ports.set(portOf(2), { native: 98, tagged: [] });
	mock.trouble = { kind: 'refuses', reason: 'locked' };
	await pass(bench, 16 * minute);
	t.like(await lastCheck(bench), {
		ports: 2,
		drifted: [{ port: portOf(2), repaired: false, error: 'locked', found: { native: 98, tagged: [] } }],
	});
});

test('a port that cannot be read is told, and the others are looked at all the same', async t => {
	const mocks = createMockSwitches();
	const type: SwitchType = {
		...mocks.type,
		open: settings => {
			const driver = mocks.type.open(settings);
			const readPort = async (...[port, signal]: Parameters<typeof driver.readPort>) => {
				if (port === portOf(1)) throw new RangeError('VLAN 4096 is none');
				return driver.readPort(port, signal);
			};
			return { ...driver, readPort };
		},
	};
	const bench = await createNetworkBench({ checks: told, mocks, type });
	bench.mocks.at('s1').ports.set(portOf(2), { native: 7, tagged: [] });
	await bench.workers.start();
	await pass(bench, 3 * minute);
	const check = await lastCheck(bench);
	t.deepEqual(
		check?.drifted.map(({ port, found, error }) => [port, found?.native, error]),
		[
			[portOf(1), undefined, 'VLAN 4096 is none'],
			[portOf(2), 7, null],
		],
	);
});

test('a switch that was away is looked at as soon as it answers again, and put right where the site says so', async t => {
	const bench = await createNetworkBench({ checks: { every: 24 * 60 * minute, repair: true } });
	const mock = bench.mocks.at('s1');
	await bench.workers.start();
	await bench.connect('n1', 'a');
	await pass(bench, 4 * minute);
	const before = await lastCheck(bench);
	t.like(before, { ports: 2, drifted: [] });
	// It loses its power, and comes back as it left the factory: an action finds it away.
	mock.trouble = { kind: 'away' };
	await bench.connect('n2', 'b');
	await pass(bench, 10 * minute);
	t.like(bench.workers.state('s1'), { reachable: false, lastError: { message: 'the mock switch is away' } });
	mock.ports.clear();
	mock.ports.set(portOf(1), { native: 1, tagged: [] });
	mock.trouble = undefined;
	await pass(bench, minute + 20_000);
	t.like(await lastCheck(bench), { drifted: [{ port: portOf(1), repaired: true }] });
	t.deepEqual(mock.ports.get(portOf(1)), { native: 10, tagged: [] });
	t.deepEqual(mock.ports.get(portOf(2)), { native: 11, tagged: [] });
	t.is(bench.workers.state('s1').reachable, true);
});

test('a switch that restarts while nobody asks anything of it is found out', async t => {
	const bench = await createNetworkBench({ checks: { every: 24 * 60 * minute, repair: true } });
	const mock = bench.mocks.at('s1');
	await bench.workers.start();
	await bench.connect('n1', 'a');
	await pass(bench, 10 * minute);
	mock.trouble = { kind: 'away' };
	await pass(bench, 2 * minute);
	t.is(bench.workers.state('s1').reachable, false);
	mock.ports.clear();
	mock.trouble = undefined;
	await pass(bench, minute + 20_000);
	t.is(bench.workers.state('s1').reachable, true);
	t.deepEqual(mock.ports.get(portOf(1)), { native: 10, tagged: [] });
});

test('a port that is found changed in passing is reason to look at all, but not time and again', async t => {
	const registry = new Registry();
	const bench = await createNetworkBench({ checks: { every: 24 * 60 * minute, repair: false }, registry });
	const { ports } = bench.mocks.at('s1');
	await bench.workers.start();
	await pass(bench, 10 * minute);
	const looks = async () => {
		const text = await registry.metrics();
		return ['as-recorded', 'drifted'].map(
			outcome =>
				text.match(new RegExp(`drift_checks_total\\{switch="s1",outcome="${outcome}"\\} (\\d+)`))?.[1],
		);
	};
	t.deepEqual(await looks(), ['1', undefined]);
	ports.set(portOf(1), { native: 5, tagged: [] });
	await pass(bench, 3 * minute);
	t.deepEqual(await looks(), ['1', '1']);
	await pass(bench, 60 * minute);
	t.deepEqual(await looks(), ['1', '1'], 'it was told');
	ports.set(portOf(2), { native: 6, tagged: [] });
	await pass(bench, 3 * minute);
	t.deepEqual(await looks(), ['1', '2']);
});

test('a look that finds the switch away goes on trying, and begins anew when it answers', async t => {
	const bench = await createNetworkBench({ nodes: 3, checks: told });
	const mock = bench.mocks.at('s1');
	mock.trouble = { kind: 'away' };
	await bench.workers.start();
	await pass(bench, 40 * minute);
	t.is(await lastCheck(bench), undefined);
	t.is(bench.workers.state('s1').reachable, false);
	mock.trouble = undefined;
	await pass(bench, minute + 20_000);
	t.like(await lastCheck(bench), { ports: 3, drifted: [] });
});

test('a big switch is read a port at a time: whatever is asked for comes between', async t => {
	const mocks = createMockSwitches();
	const log: string[] = [];
	let onRead: () => Promise<unknown> = async () => undefined;
	const type: SwitchType = {
		...mocks.type,
		open: settings => {
			const driver = mocks.type.open(settings);
			return {
				...driver,
				async readPort(port, signal) {
					log.push(`read ${port}`);
					await onRead();
					return driver.readPort(port, signal);
				},
				async setPort(port, wanted, signal) {
					log.push(`set ${port}`);
					return driver.setPort(port, wanted, signal);
				},
			};
		},
	};
	// The first look is due at once.
	const bench = await createNetworkBench({ nodes: 60, checks: told, mocks, type, random: () => 0 });
	onRead = async () => {
		// In the middle of the look somebody asks for something.
		if (log.length !== 20) return;
		onRead = async () => undefined;
		await bench.connect('n60', 'a');
	};
	await bench.workers.start();
	await bench.workers.idle();
	t.deepEqual(log.slice(20, 23), ['read gi1/0/60', 'set gi1/0/60', 'read gi1/0/60']);
	t.is(log.length, 60 + 3);
	t.like(await lastCheck(bench), { ports: 60, drifted: [] });
});

test('not all switches are looked at at once', async t => {
	const rolls = [0.1, 0.6, 0.9];
	const random = () => rolls.shift() ?? 0.5;
	const bench = await createNetworkBench({ switches: 3, nodes: 3, checks: told, random });
	await bench.workers.start();
	const seen = async () => (await bench.store.read(tx => tx.list(switchChecks))).map(({ id }) => id);
	await pass(bench, minute);
	t.deepEqual(await seen(), ['s1']);
	await pass(bench, 2 * minute + 10_000);
	t.deepEqual(await seen(), ['s1', 's2']);
	await pass(bench, 2 * minute);
	t.deepEqual(await seen(), ['s1', 's2', 's3']);
});

test('a port that is just being changed is left out', async t => {
	const bench = await createNetworkBench({ checks: told });
	await bench.workers.start();
	await bench.connect('n1', 'a');
	await bench.workers.idle();
	bench.mocks.at('s1').trouble = { kind: 'half' };
	await bench.connect('n1', 'b', 'vlan/11');
	await pass(bench, 3 * minute);
	t.like(await lastCheck(bench), { ports: 1, drifted: [] });
});

test('where looking is off, nobody looks, not even after a switch was away; asked for, it is looked at', async t => {
	const bench = await createNetworkBench();
	const mock = bench.mocks.at('s1');
	await bench.workers.start();
	mock.trouble = { kind: 'away' };
	await bench.connect('n1', 'a');
	await pass(bench, 5 * minute);
	mock.trouble = undefined;
	await pass(bench, 60 * minute);
	t.is(await lastCheck(bench), undefined);
	t.like(await bench.workers.inspect('s1', false), { ports: 2, drifted: [] });
	t.like(await lastCheck(bench), { ports: 2, drifted: [] });
});
