import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { PortState } from '../../core/actions.ts';
import { driverContract } from '../contract.ts';
import { describeState, isSameState, type SwitchDriver } from '../driver.ts';
import { httpsContract, isBetween } from '../transport/contract-https.ts';
import { createHttps } from '../transport/https.ts';
import { account, type SimulatedRequest } from '../transport/https-simulator.fixture.ts';
import { isReserved, type NxPort } from './cli.fixture.ts';
import { createNexus } from './driver.ts';
import { type NexusSimulator, startNexus } from './simulator.fixture.ts';

const { signal } = new AbortController();
const port = 'Ethernet1/1';
const dummy = 999;
const nothing: PortState = { native: null, tagged: [] };

const settingsOf = ({ host }: NexusSimulator) => ({ hostname: host, ...account, dummy_vlan: String(dummy) });
const isChange = ({ body }: { readonly body: string }) => !body.includes('"show ');

driverContract(test, 'nexus', async () => {
	const simulator = await startNexus();
	return {
		type: createNexus(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 })),
		settings: settingsOf(simulator),
		ports: [port, 'ethernet1/2'],
		noPort: 'Ethernet9/9',
		isVlan: vlan => !isReserved(vlan) && vlan !== dummy,
		restart: async () => simulator.restart(),
		close: simulator.close,
	};
});

httpsContract(test, 'nexus', async () => {
	const simulator = await startNexus();
	const { carries } = simulator;
	const success = ({ body }: SimulatedRequest) => {
		const calls = JSON.parse(body) as { readonly id: number }[];
		return {
			status: 200,
			body: JSON.stringify(calls.map(({ id }) => ({ jsonrpc: '2.0', result: null, id }))),
		};
	};
	return { simulator, carries, type: createNexus, settings: settingsOf(simulator), port, isChange, success };
});

async function setUp(t: ExecutionContext): Promise<{
	readonly simulator: NexusSimulator;
	readonly driver: SwitchDriver;
	readonly raw: NxPort;
}> {
	const simulator = await startNexus();
	t.teardown(simulator.close);
	const driver = createNexus(createHttps({ ca: simulator.ca, knownHosts: undefined }, { quiet: 0 })).open(
		settingsOf(simulator),
	);
	t.teardown(() => driver.close());
	const raw = simulator.ports.get(port);
	if (!raw) throw new Error('no port');
	for (let vlan = 1; vlan < 40; vlan++) simulator.vlans.add(vlan);
	return { simulator, driver, raw };
}

async function refused(t: ExecutionContext, call: Promise<unknown>, words: RegExp): Promise<void> {
	const fault = await t.throwsAsync(call);
	t.is((fault as { code?: string } | undefined)?.code, 'SwitchRefused');
	t.regex(fault?.message ?? '', words);
}

const aVlan = fc.integer({ min: 1, max: 39 });
const aState = fc
	.record({ native: fc.option(aVlan), tagged: fc.uniqueArray(aVlan, { maxLength: 4 }) })
	.map(({ native, tagged }) => ({ native, tagged: tagged.filter(vlan => vlan !== native) }));
/** Ports as people leave them. */
const aPort = fc.record({
	isShut: fc.boolean(),
	isSwitchport: fc.boolean(),
	mode: fc.constantFrom('access', 'trunk', 'dot1q-tunnel'),
	access: aVlan,
	voice: fc.option(aVlan),
	native: fc.oneof(aVlan, fc.constant(dummy)),
	allowed: fc.oneof(
		fc.uniqueArray(aVlan, { maxLength: 6 }).map(list => list.sort((a, b) => a - b)),
		fc.constant(Array.from({ length: 4094 }, (_, index) => index + 1)),
	),
});

test('a port never carries, after any command, what it neither carried nor is to carry', async t => {
	const { simulator, driver, raw } = await setUp(t);
	await fc.assert(
		fc.asyncProperty(aPort, aState, async (found, wanted) => {
			Object.assign(raw, found);
			const before = simulator.carries(port);
			simulator.history.length = 0;
			const isOdd = !found.isShut && (!found.isSwitchport || found.mode === 'dot1q-tunnel');
			const isNothing = isSameState(wanted, nothing);
			const refusal = await driver.setPort(port, wanted, signal).catch(fault => fault);
			if (refusal) t.is(refusal.code, 'SwitchRefused', refusal.message);
			t.is(refusal !== undefined, isOdd && !isNothing);
			for (const { state, command } of simulator.history) {
				t.true(isBetween(state, before, wanted), `${command}: ${describeState(state)}`);
			}
			if (!refusal) t.true(isSameState(simulator.carries(port), wanted));
		}),
		{ numRuns: 60 },
	);
});

test('a switch that dies between two commands leaves a port between what it was and what it is to be', async t => {
	const { simulator, driver, raw } = await setUp(t);
	for (const mode of ['access', 'trunk']) {
		for (let at = 0, isDead = true; isDead; at++) {
			Object.assign(raw, {
				isShut: false,
				isSwitchport: true,
				mode,
				access: 7,
				native: 7,
				allowed: [7, 8, 9],
			});
			const before = simulator.carries(port);
			const wanted = { native: 8, tagged: [9, 10] };
			simulator.diesBefore = at;
			isDead = await driver.setPort(port, wanted, signal).then(
				() => false,
				fault => fault.code === 'SwitchAway',
			);
			t.true(isBetween(simulator.carries(port), before, wanted), `${mode}, command ${at}`);
			simulator.diesBefore = undefined;
			await driver.setPort(port, wanted, signal);
			t.deepEqual(simulator.carries(port), wanted);
		}
	}
});

for (const goesOn of [false, true]) {
	test(`a refused command opens nothing on a switch that ${goesOn ? 'goes on' : 'stops'} behind it`, async t => {
		const { simulator, driver, raw } = await setUp(t);
		simulator.goesOn = goesOn;
		const wanted = { native: null, tagged: [12] };
		for (const command of [
			'vlan 12',
			'switchport trunk allowed vlan 12',
			`switchport trunk native vlan ${dummy}`,
		]) {
			for (const [isShut, mode] of [
				[true, 'trunk'],
				[false, 'trunk'],
				[false, 'access'],
			]) {
				const allowed = mode === 'trunk' ? [7, 8, 9] : Array.from({ length: 4094 }, (_, index) => index + 1);
				Object.assign(raw, { isShut, mode, access: 7, native: 7, allowed });
				const before = simulator.carries(port);
				simulator.refuses.set(command, 'ERROR: Hardware programming failed\n');
				await refused(
					t,
					driver.setPort(port, wanted, signal),
					/'.*12|999': ERROR: Hardware programming failed/,
				);
				t.true(isBetween(simulator.carries(port), before, wanted), describeState(simulator.carries(port)));
				simulator.refuses.clear();
				await driver.setPort(port, before, signal);
				t.deepEqual(simulator.carries(port), before);
			}
		}
	});
}

test('a port that is not configured as the switch said stays shut', async t => {
	const { simulator, driver, raw } = await setUp(t);
	const wanted = { native: 7, tagged: [8] };
	for (const command of [
		'switchport trunk allowed vlan 7-8',
		'switchport trunk native vlan 7',
		'switchport mode trunk',
	]) {
		for (const isShut of [true, false]) {
			Object.assign(raw, { isShut, mode: 'access', access: 9, native: 9, allowed: [9, 10] });
			simulator.ignores.add(command);
			await refused(t, driver.setPort(port, wanted, signal), /it would carry .*, and stays shut/);
			t.deepEqual(simulator.carries(port), nothing);
			simulator.ignores.clear();
			await driver.setPort(port, wanted, signal);
			t.deepEqual(simulator.carries(port), wanted);
		}
	}
});

test('VLANs that the switch keeps for itself are refused in its own words', async t => {
	const { simulator, driver } = await setUp(t);
	await driver.setPort(port, { native: 7, tagged: [] }, signal);
	for (const vlan of [3968, 4094]) {
		await refused(
			t,
			driver.setPort(port, { native: 7, tagged: [vlan] }, signal),
			new RegExp(`VLAN ${vlan} is reserved for internal use`),
		);
	}
	t.deepEqual(simulator.carries(port), { native: 7, tagged: [] });
	await refused(t, driver.setPort(port, { native: dummy, tagged: [] }, signal), /999 is the dummy_vlan/);
	await refused(t, driver.setPort(port, { native: 7, tagged: [dummy] }, signal), /999 is the dummy_vlan/);
});

test('a port is read as it is: fresh, of access, with everything allowed', async t => {
	const { simulator, driver, raw } = await setUp(t);
	Object.assign(raw, { isShut: false, access: 7, voice: 30 });
	t.deepEqual(await driver.readPort(port, signal), { native: 7, tagged: [30] });
	Object.assign(raw, { mode: 'trunk', native: 1, allowed: [1, 3, 5, 7, 9, 11, 13, 15, 20, 21, 22] });
	t.deepEqual(await driver.readPort('ethernet1/1', signal), {
		native: 1,
		tagged: [3, 5, 7, 9, 11, 13, 15, 20, 21, 22],
	});
	Object.assign(raw, { allowed: Array.from({ length: 4094 }, (_, index) => index + 1) });
	t.is((await driver.readPort(port, signal)).tagged.length, 4093);
	Object.assign(raw, { native: dummy, allowed: [5] });
	t.deepEqual(await driver.readPort(port, signal), { native: null, tagged: [5] });
	simulator.vlans.delete(5);
	t.deepEqual(await driver.readPort(port, signal), { native: null, tagged: [5] }, 'it would, if 5 came back');
});

test('a text that does not show all of a port is believed in nothing', async t => {
	const { simulator, driver } = await setUp(t);
	const whole = [
		'interface Ethernet1/1',
		'  switchport mode trunk',
		'  switchport access vlan 1',
		'  switchport trunk native vlan 5',
		'  switchport trunk allowed vlan 5-7',
		'  no shutdown',
	];
	const show = (lines: readonly string[]) => {
		const body = JSON.stringify({ jsonrpc: '2.0', result: { msg: `${lines.join('\n')}\n` }, id: 1 });
		simulator.fault = () => ({ kind: 'says', response: { status: 200, body } });
		return driver.readPort(port, signal);
	};
	t.deepEqual(await show(whole), { native: 5, tagged: [6, 7] });
	for (let missing = 0; missing < whole.length; missing++) {
		const fault = await t.throwsAsync(show(whole.filter((_, index) => index !== missing)));
		t.regex(fault?.message ?? '', /does not show the port/, whole[missing]);
	}
	await t.throwsAsync(show(whole.map(line => line.replace('5-7', '5-x'))), {
		message: /does not show the port/,
	});
	await t.throwsAsync(show(whole.map(line => line.replace('1/1', '1/11'))), {
		message: /does not show the port/,
	});
});

test('ports that are not for nodes are refused, and left as they are', async t => {
	const { simulator, driver, raw } = await setUp(t);
	const odd: [Partial<NxPort>, RegExp][] = [
		[{ isShut: false, channel: '11 mode active' }, /a part of port-channel 11/],
		[{ isShut: false, channel: null, isSwitchport: false }, /routed/],
		[{ isShut: false, isSwitchport: true, mode: 'dot1q-tunnel' }, /mode dot1q-tunnel/],
	];
	for (const [found, words] of odd) {
		Object.assign(raw, found);
		await refused(t, driver.readPort(port, signal), words);
		await refused(t, driver.setPort(port, { native: 7, tagged: [] }, signal), words);
	}
	t.is(simulator.history.length, 0);
});

test('what is so already is not sent again, and VLANs are made where they are missing', async t => {
	const { simulator, driver, raw } = await setUp(t);
	simulator.vlans.clear();
	const wanted = { native: 20, tagged: [1, 21, 22] };
	await driver.setPort(port, wanted, signal);
	t.deepEqual([...simulator.vlans], [20, 21, 22]);
	for (const state of [wanted, nothing]) {
		await driver.setPort(port, state, signal);
		const changes = simulator.requests.filter(isChange).length;
		await driver.setPort(port, state, signal);
		t.is(simulator.requests.filter(isChange).length, changes);
	}
	t.deepEqual(raw.allowed, [], 'whoever opens it by hand lets nothing pass');
});

test('adding a tagged VLAN does not take the port down', async t => {
	const { simulator, driver } = await setUp(t);
	await driver.setPort(port, { native: 7, tagged: [8] }, signal);
	simulator.history.length = 0;
	await driver.setPort(port, { native: 7, tagged: [8, 9] }, signal);
	await driver.setPort(port, { native: 7, tagged: [9] }, signal);
	for (const { state } of simulator.history) t.is(state.native, 7);
});

test('a configuration that was not saved says so, and no NX-API as well', async t => {
	const { simulator, driver } = await setUp(t);
	simulator.refuses.set('copy running-config startup-config', 'Insufficient space on bootflash:\n');
	await refused(t, driver.save?.(signal) ?? Promise.resolve(), /copy running-config.*Insufficient space/);
	simulator.fault = () => ({ kind: 'says', response: { status: 404, body: '<h1>404 Not Found</h1>' } });
	await refused(t, driver.readPort(port, signal), /enable `feature nxapi`/);
});

test("ports have HIL's names; its settings are HIL's", t => {
	const type = createNexus(createHttps({ ca: undefined, knownHosts: undefined }));
	for (const name of ['Ethernet1/12', 'ethernet1/12', 'Ethernet101/1/10'])
		t.true(type.isPortName(name), name);
	for (const name of [
		'',
		'Ethernet1',
		'eth1/1',
		'Ethernet1/1 ; reload',
		'Ethernet1/1\nreload',
		'Ethernet1/1/1/1',
	]) {
		t.false(type.isPortName(name), name);
	}
	const settings = { hostname: 'tor1', username: 'u', password: 'p' };
	for (const dummy_vlan of [999, '999'])
		t.like(type.settings.parse({ ...settings, dummy_vlan }), { dummy_vlan: 999 });
	for (const dummy_vlan of ['', 'x', 0, 4095, 1.5, undefined]) {
		t.false(type.settings.safeParse({ ...settings, dummy_vlan }).success, String(dummy_vlan));
	}
	const stored = type.settings.parse({ ...settings, dummy_vlan: '999' });
	t.deepEqual(type.settings.parse(stored), stored, 'what is recorded can be read again');
});
