import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PortState } from '../../core/actions.ts';
import { driverContract } from '../contract.ts';
import { describeState, isSameState, type SwitchDriver } from '../driver.ts';
import { httpsContract, isBetween } from '../transport/contract-https.ts';
import { createHttps } from '../transport/https.ts';
import { account } from '../transport/https-simulator.fixture.ts';
import { createDellOs10 } from './driver.ts';
import { isVlan } from './model.fixture.ts';
import { type Os10Simulator, startOs10 } from './simulator.fixture.ts';

const { signal } = new AbortController();
const port = 'ethernet1/1/1';
const nothing: PortState = { native: null, tagged: [] };
const settingsOf = ({ host }: Os10Simulator) => ({ hostname: host, ...account });
const isChange = ({ method }: { readonly method: string }) => method !== 'GET';

driverContract(test, 'dell-os10', async () => {
	const simulator = await startOs10();
	return {
		type: createDellOs10(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 })),
		settings: settingsOf(simulator),
		ports: [port, 'ethernet1/1/25:1'],
		noPort: 'ethernet1/1/99',
		isVlan,
		restart: async () => simulator.restart(),
		close: simulator.close,
	};
});

httpsContract(test, 'dell-os10', async () => {
	const simulator = await startOs10();
	const { carries } = simulator;
	const success = () => ({ status: 204 });
	return {
		simulator,
		carries,
		type: createDellOs10,
		settings: settingsOf(simulator),
		port,
		isChange,
		success,
	};
});

interface Bench {
	readonly simulator: Os10Simulator;
	readonly driver: SwitchDriver;
	/** Puts the port into a state by hand. */
	have(found: { enabled: boolean; isTrunk: boolean; untagged: number; tagged: readonly number[] }): void;
}

async function setUp(t: ExecutionContext): Promise<Bench> {
	const simulator = await startOs10();
	t.teardown(simulator.close);
	const type = createDellOs10(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 }));
	const driver = type.open(settingsOf(simulator));
	t.teardown(() => driver.close());
	const { vlans, ports } = simulator.config;
	return {
		simulator,
		driver,
		have({ enabled, isTrunk, untagged, tagged }) {
			ports.set(port, { enabled, mode: isTrunk ? 'MODE_L2HYBRID' : undefined });
			for (const id of [1, untagged, ...tagged]) {
				if (!vlans.has(id)) vlans.set(id, { untagged: new Set(), tagged: new Set() });
			}
			for (const [id, vlan] of vlans) {
				vlan.untagged.delete(port);
				vlan.tagged.delete(port);
				if (id === untagged) vlan.untagged.add(port);
				if (isTrunk && id !== untagged && tagged.includes(id)) vlan.tagged.add(port);
			}
		},
	};
}

async function fails(
	t: ExecutionContext,
	call: Promise<unknown>,
	code: string,
	words: RegExp,
): Promise<void> {
	const fault = await t.throwsAsync(call);
	t.is((fault as { code?: string } | undefined)?.code, code);
	t.regex(fault?.message ?? '', words);
}

const aVlan = fc.integer({ min: 1, max: 19 });
const aState = fc
	.record({ native: aVlan, tagged: fc.uniqueArray(aVlan, { maxLength: 4 }) })
	.map(({ native, tagged }) => ({ native, tagged: tagged.filter(vlan => vlan !== native) }));
const aPort = fc.record({
	enabled: fc.boolean(),
	isTrunk: fc.boolean(),
	untagged: aVlan,
	tagged: fc.uniqueArray(aVlan, { maxLength: 4 }),
});

test('a port never carries, after any change, what it neither carried nor is to carry', async t => {
	const { simulator, driver, have } = await setUp(t);
	await fc.assert(
		fc.asyncProperty(aPort, fc.oneof(aState, fc.constant(nothing)), async (found, wanted) => {
			have(found);
			const before = simulator.carries(port);
			simulator.history.length = 0;
			await driver.setPort(port, wanted, signal);
			for (const { port: name, state } of simulator.history) {
				if (name === port) t.true(isBetween(state, before, wanted), describeState(state));
				else t.deepEqual(state, nothing);
			}
			t.true(isSameState(simulator.carries(port), wanted));
		}),
		{ numRuns: 60 },
	);
});

test('a change that the switch does by half is told, harms nobody and can be undone', async t => {
	const { simulator, driver, have } = await setUp(t);
	const wanted = { native: 8, tagged: [7, 11, 12] };
	for (const enabled of [true, false]) {
		for (const isTrunk of [true, false]) {
			for (const mergesOnly of [0, 1]) {
				have({ enabled, isTrunk, untagged: 7, tagged: [8, 9] });
				const before = simulator.carries(port);
				simulator.mergesOnly = mergesOnly;
				await fails(
					t,
					driver.setPort(port, wanted, signal),
					'SwitchRefused',
					/commit failed: Hardware error/,
				);
				t.true(isBetween(simulator.carries(port), before, wanted), describeState(simulator.carries(port)));
				simulator.mergesOnly = undefined;
				await driver.setPort(port, before, signal);
				t.true(isSameState(simulator.carries(port), before));
			}
		}
	}
});

test('a port that only seems to be disabled is not sent to the default VLAN', async t => {
	const { simulator, driver, have } = await setUp(t);
	have({ enabled: true, isTrunk: false, untagged: 5, tagged: [] });
	simulator.fault = ({ method }) =>
		method === 'PATCH' ? { kind: 'pretends', response: { status: 204 } } : undefined;
	await fails(
		t,
		driver.setPort(port, nothing, signal),
		'SwitchRefused',
		/says that it is disabled, and it is not/,
	);
	t.deepEqual(simulator.carries(port), { native: 5, tagged: [] });
});

test('a configuration that somebody else has locked is waited for', async t => {
	const { simulator, driver } = await setUp(t);
	simulator.isLocked = true;
	await fails(
		t,
		driver.setPort(port, { native: 7, tagged: [] }, signal),
		'SwitchAway',
		/locked by user admin/,
	);
	t.deepEqual(simulator.carries(port), nothing);
});

test('what cannot be is refused: VLANs of the switch itself, tagged ones without a native one', async t => {
	const { simulator, driver } = await setUp(t);
	await driver.setPort(port, { native: 7, tagged: [8] }, signal);
	await fails(
		t,
		driver.setPort(port, { native: 7, tagged: [8, 4094] }, signal),
		'SwitchRefused',
		/PATCH .*VLAN 4094 is out of range/,
	);
	await fails(t, driver.setPort(port, { native: null, tagged: [8] }, signal), 'SwitchRefused', /native one/);
	t.deepEqual(simulator.carries(port), { native: 7, tagged: [8] });
});

test('ports that are not for nodes are refused, and left as they are', async t => {
	const { simulator, driver, have } = await setUp(t);
	have({ enabled: true, isTrunk: false, untagged: 1, tagged: [] });
	simulator.config.channels.set('port-channel1', [port]);
	await fails(t, driver.readPort(port, signal), 'SwitchRefused', /a part of port-channel1/);
	await fails(t, driver.setPort(port, { native: 7, tagged: [] }, signal), 'SwitchRefused', /a part of/);
	simulator.config.channels.clear();
	simulator.config.ports.set(port, { enabled: true, mode: 'MODE_L2DISABLED' });
	await fails(t, driver.setPort(port, { native: 7, tagged: [] }, signal), 'SwitchRefused', /MODE_L2DISABLED/);
	t.is(simulator.requests.filter(isChange).length, 0);
	await driver.setPort(port, nothing, signal);
	t.deepEqual(await driver.readPort(port, signal), nothing, 'shut it can be');
});

test('a port is read as it is', async t => {
	const { simulator, driver, have } = await setUp(t);
	have({ enabled: true, isTrunk: false, untagged: 1, tagged: [] });
	t.deepEqual(await driver.readPort(port, signal), { native: 1, tagged: [] });
	simulator.config.vlans.get(1)?.untagged.delete(port);
	t.deepEqual(await driver.readPort(port, signal), { native: 1, tagged: [] }, 'the default VLAN');
	have({ enabled: true, isTrunk: true, untagged: 5, tagged: [9, 7] });
	t.deepEqual(await driver.readPort(port, signal), { native: 5, tagged: [7, 9] });
	simulator.config.vlans.get(5)?.untagged.delete(port);
	t.deepEqual(await driver.readPort(port, signal), { native: null, tagged: [7, 9] });
});

test('older releases put a container around the interfaces', async t => {
	const { simulator, driver } = await setUp(t);
	const list = [
		{ name: port, type: 'iana-if-type:ethernetCsmacd' },
		{ name: 'vlan3', 'dell-interface:untagged-ports': [port] },
	];
	const body = JSON.stringify({ 'ietf-interfaces:interfaces': { interface: list } });
	simulator.fault = () => ({ kind: 'says', response: { status: 200, body } });
	t.deepEqual(await driver.readPort(port, signal), { native: 3, tagged: [] });
});

test('what is so already is not sent again; a port that is taken off everything is in no VLAN of a tenant', async t => {
	const { simulator, driver } = await setUp(t);
	for (const state of [{ native: 20, tagged: [21] }, nothing]) {
		await driver.setPort(port, state, signal);
		const changes = simulator.requests.filter(isChange).length;
		await driver.setPort(port, state, signal);
		t.is(simulator.requests.filter(isChange).length, changes);
	}
	for (const [id, { untagged, tagged }] of simulator.config.vlans) {
		t.false(tagged.has(port));
		t.false(untagged.has(port) && id !== 1);
	}
	t.deepEqual([...simulator.config.vlans.keys()], [1, 20, 21]);
});

test('no RESTCONF is told, with what to do', async t => {
	const { simulator, driver } = await setUp(t);
	simulator.fault = () => ({ kind: 'says', response: { status: 404, body: '<h1>404 Not Found</h1>' } });
	await fails(t, driver.readPort(port, signal), 'SwitchRefused', /enable `rest api restconf`/);
});

test("ports have OS10's names", t => {
	const type = createDellOs10(createHttps({ ca: undefined, knownHosts: undefined }));
	for (const name of ['ethernet1/1/1', 'ethernet1/1/25:1']) t.true(type.isPortName(name), name);
	for (const name of [
		'',
		'ethernet1/1',
		'vlan10',
		'port-channel1',
		'ethernet1/1/1:',
		'ethernet 1/1/1',
		'../x',
	]) {
		t.false(type.isPortName(name), name);
	}
});
