import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PortState } from '../../core/actions.ts';
import { driverContract } from '../contract.ts';
import { describeState, isSameState, type SwitchDriver } from '../driver.ts';
import { httpsContract, isBetween } from '../transport/contract-https.ts';
import { createHttps } from '../transport/https.ts';
import { account } from '../transport/https-simulator.fixture.ts';
import { createBrocade } from './driver.ts';
import { freshSwitchport, isVlan, type NosPort, type NosSwitchport } from './model.fixture.ts';
import { startVdx, type VdxSimulator } from './simulator.fixture.ts';

const { signal } = new AbortController();
const port = '1/0/1';
const nothing: PortState = { native: null, tagged: [] };
const settingsOf = ({ host }: VdxSimulator) => ({
	hostname: `https://${host}`,
	...account,
	interface_type: 'TenGigabitEthernet',
});
const isChange = ({ method }: { readonly method: string }) => method !== 'GET';

driverContract(test, 'brocade', async () => {
	const simulator = await startVdx();
	return {
		type: createBrocade(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 })),
		settings: settingsOf(simulator),
		ports: [port, '1/4'],
		noPort: '9/0/9',
		isVlan,
		restart: async () => simulator.restart(),
		close: simulator.close,
	};
});

httpsContract(test, 'brocade', async () => {
	const simulator = await startVdx();
	const { carries } = simulator.model;
	const success = () => ({ status: 204 });
	return {
		simulator,
		carries,
		type: createBrocade,
		settings: settingsOf(simulator),
		port,
		isChange,
		success,
	};
});

async function setUp(t: ExecutionContext): Promise<{
	readonly simulator: VdxSimulator;
	readonly driver: SwitchDriver;
	readonly raw: NosPort;
}> {
	const simulator = await startVdx();
	t.teardown(simulator.close);
	const type = createBrocade(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 }));
	const driver = type.open(settingsOf(simulator));
	t.teardown(() => driver.close());
	const raw = simulator.model.ports.get(port);
	if (!raw) throw new Error('no port');
	for (let vlan = 1; vlan < 20; vlan++) simulator.model.vlans.add(vlan);
	return { simulator, driver, raw };
}

async function fails(
	t: ExecutionContext,
	call: Promise<unknown>,
	code: string,
	words: RegExp,
): Promise<void> {
	const fault = await t.throwsAsync(call);
	t.is((fault as { code?: string } | undefined)?.code, code, fault?.message);
	t.regex(fault?.message ?? '', words);
}

const switchport = (given: Partial<NosSwitchport>): NosSwitchport => ({ ...freshSwitchport(), ...given });

const aVlan = fc.integer({ min: 1, max: 19 });
const aState = fc
	.record({ native: fc.option(aVlan), tagged: fc.uniqueArray(aVlan, { maxLength: 4 }) })
	.map(({ native, tagged }) => ({ native, tagged: tagged.filter(vlan => vlan !== native) }));
/** Ports as people leave them. */
const aPort = fc.record({
	isShut: fc.boolean(),
	switchport: fc.option(
		fc
			.record({
				mode: fc.constantFrom('access', 'trunk', 'trunk-no-default-native'),
				access: aVlan,
				native: aVlan,
				isTagged: fc.boolean(),
				isAll: fc.boolean(),
				allowed: fc.uniqueArray(aVlan, { maxLength: 4 }),
			})
			.map(({ mode, allowed, native, isAll, ...rest }) => ({
				...rest,
				mode,
				isAll: isAll && mode !== 'access',
				native: mode === 'trunk' ? native : 1,
				allowed: new Set(
					mode === 'access' || isAll ? [] : allowed.filter(vlan => mode !== 'trunk' || vlan !== native),
				),
			})),
	),
});

test('a port never carries, after any change, what it neither carried nor is to carry', async t => {
	const { simulator, driver, raw } = await setUp(t);
	await fc.assert(
		fc.asyncProperty(aPort, fc.oneof(aState, fc.constant(nothing)), async (found, wanted) => {
			Object.assign(raw, found);
			const before = simulator.model.carries(port);
			simulator.history.length = 0;
			const isOdd = !found.isShut && found.switchport === null && !isSameState(wanted, nothing);
			const refusal = await driver.setPort(port, wanted, signal).catch(fault => fault);
			t.is(refusal !== undefined, isOdd, refusal?.message);
			for (const { port: name, state } of simulator.history) {
				if (name === port) t.true(isBetween(state, before, wanted), describeState(state));
				else t.deepEqual(state, nothing);
			}
			if (!isOdd) t.true(isSameState(simulator.model.carries(port), wanted));
		}),
		{ numRuns: 80 },
	);
});

test('a change that the switch refuses in the middle is told, opens nothing and can be undone', async t => {
	const { simulator, driver, raw } = await setUp(t);
	const steps = [
		'PUT switchport/trunk/allowed/vlan',
		'PUT switchport/trunk/native-vlan',
		'PUT switchport/mode',
	];
	for (const step of steps) {
		for (const native of [8, null]) {
			const wanted = { native, tagged: [7, 12] };
			raw.isShut = false;
			raw.switchport = switchport({ mode: 'trunk', native: 7, isTagged: false, allowed: new Set([8, 9]) });
			const before = simulator.model.carries(port);
			simulator.refuses.set(step, '%Error: Operation failed in <hardware>');
			const call = driver.setPort(port, wanted, signal);
			const isMet =
				!(native === null && step.endsWith('native-vlan')) && !(native === 8 && step.endsWith('mode'));
			if (isMet) await fails(t, call, 'SwitchRefused', /PUT .*: %Error: Operation failed in <hardware>/);
			else await call;
			t.true(isBetween(simulator.model.carries(port), before, wanted), step);
			simulator.refuses.clear();
			await driver.setPort(port, before, signal);
			t.deepEqual(simulator.model.carries(port), before);
		}
	}
});

test('VLANs that the switch keeps for itself are refused in its own words', async t => {
	const { simulator, driver } = await setUp(t);
	await driver.setPort(port, { native: 7, tagged: [] }, signal);
	for (const vlan of [1002, 3963, 4094]) {
		const call = driver.setPort(port, { native: 7, tagged: [vlan] }, signal);
		await fails(t, call, 'SwitchRefused', new RegExp(`VLAN ${vlan} is reserved or out of range`));
	}
	t.deepEqual(simulator.model.carries(port), { native: 7, tagged: [] });
});

test('a trunk forwards its native VLAN tagged as well, unless hil made it', async t => {
	const { driver, raw } = await setUp(t);
	raw.isShut = false;
	raw.switchport = switchport({ mode: 'trunk', allowed: new Set([5]) });
	t.deepEqual(await driver.readPort(port, signal), { native: null, tagged: [1, 5] });
	raw.switchport = switchport({ mode: 'trunk', isTagged: false });
	t.deepEqual(await driver.readPort(port, signal), { native: 1, tagged: [] });
	raw.switchport = switchport({ mode: 'access', access: 9 });
	t.deepEqual(await driver.readPort(port, signal), { native: 9, tagged: [] });
	raw.switchport = switchport({ mode: 'trunk-no-default-native', allowed: new Set([5, 6, 7]) });
	t.deepEqual(await driver.readPort(port, signal), { native: null, tagged: [5, 6, 7] });
	raw.switchport = switchport({ mode: 'trunk-no-default-native', isAll: true });
	t.is((await driver.readPort(port, signal)).tagged.length, 4094);
	raw.isShut = true;
	t.deepEqual(await driver.readPort(port, signal), nothing);
});

test('ports that are not for nodes are refused, and left as they are', async t => {
	const { simulator, driver, raw } = await setUp(t);
	const wanted = { native: 7, tagged: [] };
	raw.isShut = false;
	await fails(t, driver.readPort(port, signal), 'SwitchRefused', /none of layer 2/);
	await fails(t, driver.setPort(port, wanted, signal), 'SwitchRefused', /none of layer 2/);
	raw.channel = 4;
	for (const isShut of [true, false]) {
		raw.isShut = isShut;
		await fails(t, driver.setPort(port, wanted, signal), 'SwitchRefused', /part of a port-channel/);
	}
	Object.assign(raw, { channel: null, switchport: switchport({ mode: 'private-vlan-host' }) });
	await fails(t, driver.readPort(port, signal), 'SwitchRefused', /mode private-vlan-host/);
	await fails(t, driver.setPort(port, wanted, signal), 'SwitchRefused', /mode private-vlan-host/);
	t.is(simulator.requests.filter(isChange).length, 0);
});

test('classifications that hil knows nothing of are refused', async t => {
	const { simulator, driver } = await setUp(t);
	const answers = [
		'<TenGigabitEthernet><name>1/0/1</name></TenGigabitEthernet>',
		'<mode><vlan-mode>trunk</vlan-mode></mode>',
		'<trunk><allowed><vlan><add>5</add></vlan></allowed><native-vlan-classification><ctag>7</ctag></native-vlan-classification></trunk>',
	];
	simulator.fault = () => ({ kind: 'says', response: { status: 200, body: answers.shift() ?? '' } });
	const words = /trunk\/native-vlan-classification\/ctag, which hil knows nothing of/;
	await fails(t, driver.readPort(port, signal), 'SwitchRefused', words);
});

test('answers with a document type, of another port or without end tags are no answers', async t => {
	const { simulator, driver } = await setUp(t);
	for (const body of [
		'<!DOCTYPE x [<!ENTITY a "aaaa">]><TenGigabitEthernet><name>&a;</name></TenGigabitEthernet>',
		'<TenGigabitEthernet><name>1/0/2</name></TenGigabitEthernet>',
		'<TenGigabitEthernet><name>1/0/1</name>',
		'',
	]) {
		simulator.fault = () => ({ kind: 'says', response: { status: 200, body } });
		await fails(t, driver.readPort(port, signal), 'SwitchAway', /cannot be understood/);
	}
});

test('what is so already is not sent again; adding a VLAN does not take the port down', async t => {
	const { simulator, driver, raw } = await setUp(t);
	for (const state of [{ native: 30, tagged: [31] }, { native: null, tagged: [31, 32] }, nothing]) {
		await driver.setPort(port, state, signal);
		const changes = simulator.requests.filter(isChange).length;
		await driver.setPort(port, state, signal);
		t.is(simulator.requests.filter(isChange).length, changes);
	}
	t.like(raw, { isShut: true, switchport: { mode: 'trunk-no-default-native', allowed: new Set() } });
	raw.isShut = false;
	t.deepEqual(simulator.model.carries(port), nothing, 'whoever opens it by hand lets nothing pass');
	t.deepEqual(await driver.readPort(port, signal), nothing);
	await driver.setPort(port, { native: 7, tagged: [8] }, signal);
	simulator.history.length = 0;
	await driver.setPort(port, { native: 7, tagged: [8, 9] }, signal);
	for (const { port: name, state } of simulator.history) if (name === port) t.is(state.native, 7);
});

test("ports have HIL's names; its settings are HIL's", t => {
	const type = createBrocade(createHttps({ ca: undefined, knownHosts: undefined }));
	for (const name of ['1/0/12', '1/12', '101/0/10']) t.true(type.isPortName(name), name);
	for (const name of ['', '1', 'te1/0/1', '1/0/1/1', '1/0/1"', '../1']) t.false(type.isPortName(name), name);
	const settings = { hostname: 'https://vdx', username: 'u', password: 'p' };
	t.true(type.settings.safeParse({ ...settings, interface_type: 'TenGigabitEthernet' }).success);
	t.false(type.settings.safeParse({ ...settings, interface_type: 'Port-channel' }).success);
});
