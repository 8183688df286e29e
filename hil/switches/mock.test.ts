import test from 'ava';
import { driverContract } from './contract.ts';
import { createMockSwitches } from './mock.ts';

driverContract(test, 'mock', async () => ({
	type: createMockSwitches().type,
	settings: { hostname: 'here', username: 'u', password: 'p' },
	ports: ['gi1/0/1', 'te1/2'],
	noPort: 'eth0',
	restart: async () => undefined,
	close: async () => undefined,
}));

test("the mock has HIL's port names and no others", t => {
	const { type } = createMockSwitches();
	for (const name of ['gi1/0/1', 'te1/2', 'gi10/0/48']) t.true(type.isPortName(name), name);
	for (const name of ['', 'gi1', 'eth1/0', 'gi1/0/1/2', ' gi1/0', 'gi1/0/'])
		t.false(type.isPortName(name), name);
});
