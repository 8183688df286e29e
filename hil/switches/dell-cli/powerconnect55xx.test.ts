import test from 'ava';
import { commandLineContract } from '../command-line/contract-command-line.ts';
import { account, startSimulator } from '../command-line/simulator.fixture.ts';
import { driverContract } from '../contract.ts';
import type { SwitchType } from '../driver.ts';
import { createPowerConnect55xx } from './powerconnect55xx-device.fixture.ts';
import { createDellTypes } from './types.ts';

function typeOf(knownHosts: string): SwitchType {
	const [type] = createDellTypes({ ca: undefined, knownHosts });
	if (!type) throw new TypeError('no type');
	return type;
}

commandLineContract(test, 'PowerConnect 55xx', {
	device: createPowerConnect55xx,
	type: typeOf,
	settings: {},
	ports: { shut: 'gi1/0/1', factory: 'gi1/0/3' },
	factory: { native: 1, tagged: [] },
	looks: /^(show|terminal|enable)/,
	no: '% bad parameter value',
	unpaged: 'terminal datadump',
});

driverContract(test, 'PowerConnect 55xx', async () => {
	const simulator = await startSimulator(createPowerConnect55xx());
	const type = typeOf(simulator.knownHosts);
	return {
		type,
		settings: { ...account, hostname: simulator.hostname },
		ports: ['gi1/0/1', 'gi1/0/2'],
		noPort: 'gi1/0/48',
		restart: async () => simulator.restart(),
		close: () => simulator.close(),
	};
});
