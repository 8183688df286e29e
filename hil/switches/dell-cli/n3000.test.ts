import test from 'ava';
import { commandLineContract } from '../command-line/contract-command-line.ts';
import { driverContract } from '../contract.ts';
import { contractDell, dellType, openDell } from './bench.fixture.ts';
import { createN3000 } from './n3000-device.fixture.ts';

const { signal } = new AbortController();
const dummy = 4001;
const settings = { dummy_vlan: `${dummy}` };

commandLineContract(test, 'N3000', {
	device: () => createN3000(),
	type: knownHosts => dellType('delln3000', knownHosts),
	settings,
	ports: { shut: 'gi1/0/1', factory: 'gi1/0/3' },
	factory: { native: 1, tagged: [] },
	takeOff: (device, vlan) => device.running.vlans.delete(vlan),
	looks: /^(show|terminal|enable)/,
	no: "% Invalid input detected at '^' marker:",
	notSaved: 'Configuration Not Saved!',
	unpaged: 'terminal length 0',
});

driverContract(test, 'N3000', () =>
	contractDell(createN3000(), 'delln3000', {
		settings,
		ports: ['gi1/0/1', 'gi1/0/2'],
		noPort: 'gi1/0/48',
		isVlan: vlan => vlan <= 4093 && vlan !== dummy,
	}),
);

test('the dummy VLAN and those above 4093 are for no network', async t => {
	const { driver, simulator } = await openDell(t, createN3000(), 'delln3000', settings);
	for (const [vlan, why] of [
		[dummy, /4001 is the dummy_vlan/],
		[4094, /4093 is its highest/],
	] as const) {
		for (const wanted of [
			{ native: vlan, tagged: [] },
			{ native: 10, tagged: [vlan] },
		]) {
			await t.throwsAsync(driver.setPort('gi1/0/1', wanted, signal), { code: 'SwitchRefused', message: why });
		}
	}
	t.deepEqual(simulator.commands, []);
});

test('the dummy VLAN is a number from 2 to 4093, also as a text', t => {
	const { settings: schema } = dellType('delln3000', '');
	const given = { hostname: 'tor', username: 'u', password: 'p' };
	for (const value of [2, '4093']) t.true(schema.safeParse({ ...given, dummy_vlan: value }).success);
	for (const value of [undefined, 1, '4094', 'x', '', 2.5])
		t.false(schema.safeParse({ ...given, dummy_vlan: value }).success, String(value));
	// What was recorded is read again, as it was made then.
	const recorded = schema.parse({ ...given, dummy_vlan: '4001' });
	t.deepEqual(schema.parse(recorded), recorded);
});

test('no port is ever in the dummy VLAN while it is up', async t => {
	const device = createN3000();
	const { driver, simulator } = await openDell(t, device, 'delln3000', settings);
	for (const wanted of [
		{ native: 10, tagged: [] },
		{ native: null, tagged: [10] },
		{ native: 11, tagged: [10] },
		{ native: null, tagged: [11] },
		{ native: null, tagged: [] },
	]) {
		await driver.setPort('gi1/0/1', wanted, signal);
	}
	t.true(device.running.vlans.has(dummy));
	t.true(simulator.history.length > 5);
	for (const { state } of simulator.history) t.false([state.native, ...state.tagged].includes(dummy));
});

test('another password for enable is given when it is asked for, and a wrong one is said', async t => {
	const enable = { ...settings, enable_password: 'more of it' };
	const right = await openDell(t, createN3000('more of it'), 'delln3000', enable);
	t.deepEqual(await right.driver.readPort('gi1/0/1', signal), { native: null, tagged: [] });
	const wrong = await openDell(t, createN3000('something else'), 'delln3000', enable);
	const fault = await t.throwsAsync(wrong.driver.readPort('gi1/0/1', signal), { code: 'SwitchAway' });
	t.regex(fault?.message ?? '', /privilege 15, or with its enable_password/);
	t.false(fault?.message.includes('more of it'));
	t.deepEqual(wrong.simulator.commands, ['enable']);
});
