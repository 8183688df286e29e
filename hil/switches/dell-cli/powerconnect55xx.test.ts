import test from 'ava';
import { commandLineContract } from '../command-line/contract-command-line.ts';
import { driverContract } from '../contract.ts';
import { contractDell, dellType, openDell } from './bench.fixture.ts';
import { createPowerConnect55xx } from './powerconnect55xx-device.fixture.ts';

const { signal } = new AbortController();

commandLineContract(test, 'PowerConnect 55xx', {
	device: () => createPowerConnect55xx(),
	type: knownHosts => dellType('powerconnect55xx', knownHosts),
	settings: {},
	ports: { shut: 'gi1/0/1', factory: 'gi1/0/3' },
	factory: { native: 1, tagged: [] },
	takeOff: (device, vlan) => device.running.vlans.delete(vlan),
	looks: /^(show|terminal|enable)/,
	no: '% bad parameter value',
	notSaved: 'Copy failed: flash is full',
	unpaged: 'terminal datadump',
});

driverContract(test, 'PowerConnect 55xx', () =>
	contractDell(createPowerConnect55xx(), 'powerconnect55xx', {
		ports: ['gi1/0/1', 'gi1/0/2'],
		noPort: 'gi1/0/48',
	}),
);

driverContract(test, 'PowerConnect 55xx that does not list native VLANs', () =>
	contractDell(createPowerConnect55xx(false), 'powerconnect55xx', {
		ports: ['gi1/0/1', 'gi1/0/2'],
		noPort: 'gi1/0/48',
	}),
);

test('a port in general mode is left as it is while it is up', async t => {
	const device = createPowerConnect55xx();
	const port = device.running.ports.get('gi1/0/3');
	if (!port) throw new TypeError('no port');
	port.mode = 'general';
	const { driver, simulator } = await openDell(t, device, 'powerconnect55xx');
	await t.throwsAsync(driver.readPort('gi1/0/3', signal), { code: 'SwitchRefused', message: /general/ });
	const wanted = { native: 10, tagged: [11] };
	await t.throwsAsync(driver.setPort('gi1/0/3', wanted, signal), {
		code: 'SwitchRefused',
		message: /shuts it/,
	});
	t.deepEqual(simulator.history, []);
	port.isShut = true;
	await driver.setPort('gi1/0/3', wanted, signal);
	t.deepEqual(device.carries('gi1/0/3'), wanted);
});

test('what is not a port name goes into no command', async t => {
	const { driver, simulator } = await openDell(t, createPowerConnect55xx(), 'powerconnect55xx');
	for (const name of [
		'gi1/0/1 ',
		'gi1/0/1\rreload',
		'vlan1',
		'',
		'gi1/0/1,gi1/0/2',
		'range gi1/0/1-2',
		'GI1/0/1',
	]) {
		t.false(dellType('powerconnect55xx', '').isPortName(name), name);
		await t.throwsAsync(driver.readPort(name, signal), { code: 'SwitchRefused' });
	}
	t.deepEqual(simulator.commands, []);
});
