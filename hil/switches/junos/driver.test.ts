import test from 'ava';
import { driverContract } from '../contract.ts';
import { createJunos } from './driver.ts';
import { startJunosSimulator } from './simulator/simulator.fixture.ts';

for (const isNew of [false, true]) {
	driverContract(test, `junos ${isNew ? 'with NETCONF 1.1' : 'with NETCONF 1.0'}`, async () => {
		const simulator = await startJunosSimulator({ isNew });
		const { ssh, username, password } = simulator;
		return {
			type: createJunos({ knownHosts: ssh.knownHostsLine }),
			settings: { hostname: `127.0.0.1:${ssh.port}`, username, password },
			ports: ['ge-0/0/1', 'xe-0/1/2'],
			noPort: 'ge-0/0/48',
			restart: async () => simulator.restart(),
			close: simulator.close,
		};
	});
}
