import type { ExecutionContext } from 'ava';
import { type Clock, systemClock } from '../../../common/clock.ts';
import type { PortState } from '../../core/actions.ts';
import type { SwitchDriver } from '../driver.ts';
import { createJunos } from './driver.ts';
import {
	type JunosSimulator,
	type JunosSimulatorOptions,
	startJunosSimulator,
} from './simulator/simulator.fixture.ts';

/** A driver and the switch that it speaks to, and what the switch really does with a port. */
export interface JunosBench {
	readonly simulator: JunosSimulator;
	readonly driver: SwitchDriver;
	/** Another driver of the same switch. */
	another(settings?: Readonly<Record<string, unknown>>): SwitchDriver;
	read(port?: string): Promise<PortState>;
	set(wanted: PortState, port?: string, signal?: AbortSignal): Promise<void>;
	/** Which VLANs the switch forwards on a port: `10`, or `10t` where it is tagged. */
	carried(port?: string): string[];
	/** Nobody has the lock, and nothing is there that was not committed. */
	isClean(): boolean;
}

/** Waits for nothing. */
const hasty: Clock = {
	...systemClock,
	after(_ms, fn) {
		const soon = setImmediate(fn);
		return () => clearImmediate(soon);
	},
};
/** The port that tests use when they name none. */
export const thePort = 'ge-0/0/1';

export async function createJunosBench(
	t: ExecutionContext,
	options: JunosSimulatorOptions = {},
): Promise<JunosBench> {
	const simulator = await startJunosSimulator(options);
	const { ssh, username, password, device } = simulator;
	const type = createJunos({ knownHosts: ssh.knownHostsLine }, hasty);
	const drivers: SwitchDriver[] = [];
	const another = (settings: Readonly<Record<string, unknown>> = {}): SwitchDriver => {
		const opened = type.open({ hostname: `127.0.0.1:${ssh.port}`, username, password, ...settings });
		drivers.push(opened);
		return opened;
	};
	const driver = another();
	const { signal } = new AbortController();
	t.teardown(async () => {
		for (const each of drivers) await each.close();
		await simulator.close();
	});
	return {
		simulator,
		driver,
		another,
		read: (port = thePort) => driver.readPort(port, signal),
		set: (wanted, port = thePort, given = signal) => driver.setPort(port, wanted, given),
		carried(port = thePort) {
			const forwarding = device.forwarding.get(port);
			if (!forwarding || forwarding.isDown) return [];
			return [...forwarding.vlans].map(([id, { isTagged }]) => `${id}${isTagged ? 't' : ''}`);
		},
		isClean: () =>
			device.lockedBy === undefined && JSON.stringify(device.candidate) === JSON.stringify(device.running),
	};
}

/** A configuration with VLANs 10, 20 and 30 to 39, and this of interfaces. */
export const configured = (interfaces: string, rest = ''): string =>
	`<vlans><vlan><name>default</name><vlan-id>1</vlan-id></vlan>
		<vlan><name>ten</name><vlan-id>10</vlan-id></vlan><vlan><name>twenty</name><vlan-id>20</vlan-id></vlan>
		<vlan><name>many</name><vlan-id-list>30-39</vlan-id-list></vlan></vlans>
	<interfaces>${interfaces}</interfaces>${rest}`;

/** An interface with Ethernet switching in its unit 0. */
export const switched = (inside: string, beside = '', port = thePort): string =>
	`<interface><name>${port}</name>${beside}<unit><name>0</name><family>
		<ethernet-switching>${inside}</ethernet-switching></family></unit></interface>`;
