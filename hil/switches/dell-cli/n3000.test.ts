import test from 'ava';
import { commandLineContract } from '../command-line/contract-command-line.ts';
import { account, startSimulator } from '../command-line/simulator.fixture.ts';
import { driverContract } from '../contract.ts';
import type { SwitchType } from '../driver.ts';
import { createN3000 } from './n3000-device.fixture.ts';
import { createDellTypes } from './types.ts';

const dummy = 4001;

function typeOf(knownHosts: string): SwitchType {
	const type = createDellTypes({ ca: undefined, knownHosts }).find(each => each.type.endsWith('/delln3000'));
	if (!type) throw new TypeError('no type');
	return type;
}

commandLineContract(test, 'N3000', {
	device: () => createN3000(),
	type: typeOf,
	settings: { dummy_vlan: dummy },
	ports: { shut: 'gi1/0/1', factory: 'gi1/0/3' },
	factory: { native: 1, tagged: [] },
	looks: /^(show|terminal|enable)/,
	no: "% Invalid input detected at '^' marker:",
	unpaged: 'terminal length 0',
});

driverContract(test, 'N3000', async () => {
	const simulator = await startSimulator(createN3000());
	return {
		type: typeOf(simulator.knownHosts),
		settings: { ...account, hostname: simulator.hostname, dummy_vlan: `${dummy}` },
		ports: ['gi1/0/1', 'gi1/0/2'],
		noPort: 'gi1/0/48',
		isVlan: vlan => vlan <= 4093 && vlan !== dummy,
		restart: async () => simulator.restart(),
		close: () => simulator.close(),
	};
});
