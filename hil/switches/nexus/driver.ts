import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';
import { nativelessTrunk } from '../../model/switch-kind.ts';
import { describeState, isSameState, type SwitchDriver, type SwitchType } from '../driver.ts';
import { type Https, httpsSettings } from '../transport/https.ts';
import { createNxApi } from './nx-api.ts';
import { portCommands } from './port-commands.ts';
import { type PortConfig, parsePortConfig, portStateOf } from './port-config.ts';

/** HIL's own fields; it sends the VLAN as a text. */
const settings = z.strictObject({
	...httpsSettings,
	/** The native VLAN of trunks that have none: never allowed on a port, so that nothing passes in it. */
	dummy_vlan: z
		.union([z.int(), z.string().regex(/^\d{1,4}$/)])
		.transform(Number)
		.refine(vlan => vlan >= 1 && vlan <= 4094, 'expected a VLAN from 1 to 4094'),
});

const isPortName = (name: string): boolean => /^[Ee]thernet\d{1,3}\/\d{1,3}(\/\d{1,3})?$/.test(name);
const largestAnswer = 4 * 1024 * 1024;

/** Cisco Nexus switches by NX-API. */
export function createNexus(https: Https): SwitchType {
	return {
		type: 'http://schema.massopencloud.org/haas/v0/switches/nexus',
		capabilities: [nativelessTrunk],
		settings,
		secrets: ['password'],
		isPortName,
		portNames: 'Ethernet1/12, ethernet1/12, Ethernet101/1/10 and the like',
		open: given => openNexus(https, settings.parse(given)),
	};
}

function openNexus(
	https: Https,
	{ dummy_vlan: dummyVlan, ...account }: z.output<typeof settings>,
): SwitchDriver {
	const device = https.open({ ...account, largestAnswer });
	const nxApi = createNxApi(device);

	async function readConfig(port: string, signal: AbortSignal): Promise<PortConfig> {
		// What goes into a command line is a port's name and nothing else.
		if (!isPortName(port)) throw device.refusal(port, 'no port is called so');
		const command = `show running-config interface ${port} all`;
		const [text = ''] = await nxApi.show([command], signal);
		const config = parsePortConfig(text, port);
		if (!config) throw device.nonsense(`'${command}' does not show the port`);
		return config;
	}
	function stateOf(port: string, config: PortConfig): PortState {
		const state = portStateOf(config);
		if (typeof state === 'string') throw device.refusal(port, state);
		return state;
	}

	return {
		readPort: async (port, signal) => stateOf(port, await readConfig(port, signal)),
		async setPort(port, wanted, signal) {
			if (wanted.native === dummyVlan || wanted.tagged.includes(dummyVlan)) {
				throw device.refusal(
					port,
					`VLAN ${dummyVlan} is the dummy_vlan of this switch: no network can have it`,
				);
			}
			const config = await readConfig(port, signal);
			const isNothing = wanted.native === null && wanted.tagged.length === 0;
			if (!isNothing) {
				stateOf(port, config);
				if (config.channel !== null) throw device.refusal(port, 'the port is a part of a port-channel');
			}
			const { off, on, open } = portCommands(port, config, wanted, dummyVlan);
			if (off.length > 0) await nxApi.change(off, signal);
			if (on.length > 0) await nxApi.change(on, signal);
			if (open.length === 0) return;
			const opened = stateOf(port, { ...(await readConfig(port, signal)), isShut: false });
			if (!isSameState(opened, wanted)) {
				throw device.refusal(port, `it would carry ${describeState(opened)}, and stays shut`);
			}
			await nxApi.change(open, signal);
		},
		async save(signal) {
			const command = 'copy running-config startup-config';
			const [text = ''] = await nxApi.change([command], signal);
			if (!/Copy complete/i.test(text)) throw device.refusal(`'${command}'`, text);
		},
		close: () => device.close(),
	};
}
