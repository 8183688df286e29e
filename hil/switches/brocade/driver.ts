import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';
import { nativelessTrunk } from '../../model/switch-kind.ts';
import { describeState, isSameState, type SwitchDriver, type SwitchType } from '../driver.ts';
import { textOf, xml } from '../netconf/xml.ts';
import { type Https, httpsSettings } from '../transport/https.ts';
import { formatVlanRanges } from '../vlan-ranges.ts';
import {
	everyVlan,
	type PortConfig,
	portStateOf,
	readAccess,
	readInterface,
	readTrunk,
} from './port-config.ts';
import { createNosRest } from './rest.ts';

/** HIL's own fields. */
const settings = z.strictObject({
	...httpsSettings,
	/** Of all ports that are registered. */
	interface_type: z.enum([
		'GigabitEthernet',
		'TenGigabitEthernet',
		'FortyGigabitEthernet',
		'HundredGigabitEthernet',
	]),
});

const isPortName = (name: string): boolean => /^\d{1,3}\/\d{1,3}(\/\d{1,3})?$/.test(name);
const largestAnswer = 1024 * 1024;
const nothing: PortState = { native: null, tagged: [] };
const nativeless = 'trunk-no-default-native';

/** Brocade VDX switches with Network OS, by its REST interface. */
export function createBrocade(https: Https): SwitchType {
	return {
		type: 'http://schema.massopencloud.org/haas/v0/switches/brocade',
		capabilities: [nativelessTrunk],
		settings,
		secrets: ['password'],
		isPortName,
		portNames: '1/0/12, 1/12 and the like',
		open: given => openBrocade(https, settings.parse(given)),
	};
}

function openBrocade(https: Https, given: z.output<typeof settings>): SwitchDriver {
	const { interface_type: interfaceType, ...account } = given;
	const device = https.open({ ...account, largestAnswer });
	const rest = createNosRest(device);
	const pathOf = (port: string) => `interface/${interfaceType}/%22${encodeURIComponent(port)}%22`;

	async function readConfig(port: string, signal: AbortSignal): Promise<PortConfig> {
		if (!isPortName(port)) throw device.refusal(port, 'no port is called so');
		const path = pathOf(port);
		const found = await rest.get(path, signal);
		if (!found) throw device.refusal(port, `the switch has no ${interfaceType} of this name`);
		if (found.name !== interfaceType || textOf(found, 'name') !== port)
			throw device.nonsense('it is no port');
		const mode = await rest.get(`${path}/switchport/mode`, signal);
		const vlanMode = textOf(mode, 'vlan-mode');
		if (mode && vlanMode === undefined) throw device.nonsense('it is no mode of a port');
		const common = readInterface(found);
		if (vlanMode === undefined) return { ...common, switchport: undefined };
		const kind = vlanMode === 'access' ? 'access' : 'trunk';
		const vlans = await rest.get(`${path}/switchport/${kind}`, signal);
		return { ...common, switchport: kind === 'access' ? readAccess(vlans) : readTrunk(vlanMode, vlans) };
	}
	function stateOf(port: string, config: PortConfig): PortState {
		const state = portStateOf(config);
		if (typeof state === 'string') throw device.refusal(port, state);
		return state;
	}
	/** Shuts a port and sees that it is. */
	async function shut(port: string, signal: AbortSignal): Promise<PortConfig> {
		await rest.put(`${pathOf(port)}/shutdown`, xml('shutdown', 'true'), signal);
		const config = await readConfig(port, signal);
		if (!config.isShut) throw device.refusal(port, 'the switch says that it is shut, and it is not');
		return config;
	}
	const allow = (port: string, verb: 'add' | 'remove', vlans: readonly number[], signal: AbortSignal) =>
		rest.put(
			`${pathOf(port)}/switchport/trunk/allowed/vlan`,
			xml('vlan', [xml(verb, formatVlanRanges(vlans))]),
			signal,
		);

	/** A trunk of a mode that carries nothing but its native VLAN, if it has one, and is shut. */
	async function makeTrunk(
		port: string,
		config: PortConfig,
		mode: string,
		signal: AbortSignal,
	): Promise<PortConfig> {
		const path = pathOf(port);
		if (!config.isShut) await shut(port, signal);
		// Kinds of trunks do not share what they are told of native VLANs: it goes with the old kind.
		if (config.switchport) await rest.remove(`${path}/switchport`, signal);
		await rest.create(path, xml('switchport'), signal);
		await rest.put(`${path}/switchport/mode`, xml('mode', [xml('vlan-mode', mode)]), signal);
		if (mode === 'trunk') await rest.remove(`${path}/switchport/trunk/tag/native-vlan`, signal);
		return readConfig(port, signal);
	}

	async function clear(port: string, found: PortConfig, signal: AbortSignal): Promise<void> {
		if (!found.isShut) await shut(port, signal);
		// Nothing passes any more. The rest is for whoever opens the port by hand.
		if (found.isMember || !found.switchport) return;
		if (!isTrunkOf(nativeless, found)) await makeTrunk(port, { ...found, isShut: true }, nativeless, signal);
		else if (found.switchport.allowed.length > 0) {
			await allow(port, 'remove', found.switchport.allowed, signal);
		}
	}

	return {
		async readPort(port, signal) {
			const config = await readConfig(port, signal);
			return config.isShut ? nothing : stateOf(port, config);
		},
		async setPort(port, wanted, signal) {
			const { native, tagged } = wanted;
			const path = pathOf(port);
			const found = await readConfig(port, signal);
			if (native === null && tagged.length === 0) return clear(port, found, signal);
			if (!found.isShut || found.isMember) stateOf(port, found);
			const mode = native === null ? nativeless : 'trunk';
			const config = isTrunkOf(mode, found) ? found : await makeTrunk(port, found, mode, signal);
			const { allowed = [], own = null } = config.switchport ?? {};

			const goes = allowed.filter(vlan => !tagged.includes(vlan));
			if (goes.length > 0) await allow(port, 'remove', goes, signal);
			const comes = tagged.filter(vlan => !allowed.includes(vlan));
			const isOther = native !== null && native !== own;
			for (const vlan of [...comes, ...(isOther ? [native] : [])]) {
				// VLAN 1 is always there.
				if (vlan !== 1) await rest.create('interface', xml('Vlan', [xml('name', String(vlan))]), signal);
			}
			const nativePath = `${path}/switchport/trunk/native-vlan`;
			if (isOther && native === 1) await rest.remove(nativePath, signal);
			else if (isOther) await rest.put(nativePath, xml('native-vlan', String(native)), signal);
			if (comes.length > 0) await allow(port, 'add', comes, signal);

			if (!config.isShut) return;
			const opened = stateOf(port, await readConfig(port, signal));
			if (!isSameState(opened, wanted)) {
				throw device.refusal(port, `it would carry ${describeState(opened)}, and stays shut`);
			}
			await rest.remove(`${path}/shutdown`, signal);
		},
		close: () => device.close(),
	};
}

/** Whether VLANs can be taken off and put on one by one, as the port is. */
const isTrunkOf = (mode: string, { switchport }: PortConfig): boolean =>
	switchport?.mode === mode &&
	!switchport.isNativeTagged &&
	switchport.oddity === null &&
	switchport.allowed.length < everyVlan.length;
