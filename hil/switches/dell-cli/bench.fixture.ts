import type { ExecutionContext } from 'ava';
import type { SessionDeps } from '../command-line/session.ts';
import { account, type Device, type Simulator, startSimulator } from '../command-line/simulator.fixture.ts';
import type { ContractSwitch } from '../contract.ts';
import type { Settings, SwitchDriver, SwitchType } from '../driver.ts';
import { createDellTypes } from './types.ts';

/** By the end of its URI; with a switch that needs no time after its connection broke. */
export function dellType(
	name: string,
	knownHosts: string,
	deps: Partial<SessionDeps> = { quiet: 0 },
): SwitchType {
	const type = createDellTypes({ ca: undefined, knownHosts }, deps).find(each =>
		each.type.endsWith(`/${name}`),
	);
	if (!type) throw new TypeError(`no type ${name}`);
	return type;
}

/** A device, and a driver that speaks to it. */
export async function openDell(
	t: ExecutionContext,
	device: Device,
	name: string,
	settings: Settings = {},
): Promise<{ readonly driver: SwitchDriver; readonly simulator: Simulator }> {
	const simulator = await startSimulator(device);
	t.teardown(() => simulator.close());
	const type = dellType(name, simulator.knownHosts);
	const driver = type.open({ ...account, hostname: simulator.hostname, ...settings });
	t.teardown(() => driver.close());
	return { driver, simulator };
}

/** For `driverContract`. */
export async function contractDell(
	device: Device,
	name: string,
	more: Pick<ContractSwitch, 'ports' | 'noPort' | 'isVlan'> & { readonly settings?: Settings },
): Promise<ContractSwitch> {
	const simulator = await startSimulator(device);
	return {
		...more,
		type: dellType(name, simulator.knownHosts),
		settings: { ...account, hostname: simulator.hostname, ...more.settings },
		restart: async () => simulator.restart(),
		close: () => simulator.close(),
	};
}
