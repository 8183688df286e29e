import test from 'ava';
import { commandLineContract } from '../command-line/contract-command-line.ts';
import { driverContract } from '../contract.ts';
import { contractDell, dellType, openDell } from './bench.fixture.ts';
import { createNos9 } from './nos9-device.fixture.ts';

const { signal } = new AbortController();
const settings = { interface_type: 'GigabitEthernet' };

commandLineContract(test, 'OS 9', {
	device: createNos9,
	type: knownHosts => dellType('dellnos9', knownHosts),
	settings,
	ports: { shut: '1/1', factory: '1/3' },
	factory: { native: 1, tagged: [] },
	looks: /^(show|terminal|enable)/,
	no: '% Error: it cannot be,',
	notSaved: 'Mar 13 01:02:03: %FILEMGR-5-FILESAVE: Copy of running-config failed',
	unpaged: 'terminal length 0',
});

driverContract(test, 'OS 9', () =>
	contractDell(createNos9(), 'dellnos9', {
		settings,
		ports: ['1/1', '1/2'],
		noPort: '1/49',
		isVlan: vlan => vlan !== 1,
	}),
);

test('no network can have the default VLAN, whichever that is', async t => {
	const first = await openDell(t, createNos9(), 'dellnos9', settings);
	const refused = { code: 'SwitchRefused', message: /VLAN 1 is the default VLAN/ };
	await t.throwsAsync(first.driver.setPort('1/1', { native: 1, tagged: [] }, signal), refused);
	await t.throwsAsync(first.driver.setPort('1/1', { native: 10, tagged: [1] }, signal), refused);
	t.deepEqual(first.simulator.history, []);

	const device = createNos9();
	device.running.defaultVlan = 4000;
	const second = await openDell(t, device, 'dellnos9', settings);
	await second.driver.setPort('1/1', { native: 1, tagged: [2] }, signal);
	t.deepEqual(device.carries('1/1'), { native: 1, tagged: [2] });
	const other = { code: 'SwitchRefused', message: /VLAN 4000 is the default VLAN/ };
	await t.throwsAsync(second.driver.setPort('1/1', { native: 4000, tagged: [] }, signal), other);
});

test('a routed port is left as it is while it is up', async t => {
	const device = createNos9();
	const port = device.running.ports.get('1/4');
	if (!port) throw new TypeError('no port');
	port.extra = ['ip address 10.0.0.1/24'];
	port.isShut = false;
	const { driver, simulator } = await openDell(t, device, 'dellnos9', settings);
	const refused = { code: 'SwitchRefused', message: /ip address 10\.0\.0\.1\/24/ };
	await t.throwsAsync(driver.readPort('1/4', signal), refused);
	await t.throwsAsync(driver.setPort('1/4', { native: 10, tagged: [] }, signal), refused);
	t.false(simulator.commands.some(command => command === 'configure'));
});

test('a hybrid port without tagged VLANs takes the frames of all, and is refused', async t => {
	const device = createNos9();
	const port = device.running.ports.get('1/3');
	if (!port) throw new TypeError('no port');
	port.isHybrid = true;
	const { driver } = await openDell(t, device, 'dellnos9', settings);
	await t.throwsAsync(driver.readPort('1/3', signal), { code: 'SwitchRefused', message: /hybrid/ });
});

test('HIL’s interface types are taken, and others are not', t => {
	const { settings: schema } = dellType('dellnos9', '');
	const given = { hostname: 'tor', username: 'u', password: 'p' };
	t.true(schema.safeParse({ ...given, interface_type: 'fortyGigE' }).success);
	for (const value of [undefined, '', 'Vlan', 'GigabitEthernet 1/1\r'])
		t.false(schema.safeParse({ ...given, interface_type: value }).success, String(value));
});
