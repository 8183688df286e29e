import type { PortState } from '../../core/actions.ts';
import { formatVlanRanges } from '../vlan-ranges.ts';
import type { PortConfig } from './port-config.ts';

/** What brings a port from one configuration to a state, in parts: none is sent before the one before it is done. */
export interface PortCommands {
	/** Takes off what must go. */
	readonly off: readonly string[];
	/** Puts on what must come. */
	readonly on: readonly string[];
	/** Opens the port; to be sent when it is seen to be configured as it must be. */
	readonly open: readonly string[];
}

/**
 * After each command, whichever is the last to be carried out, the port carries VLANs that it carried before or is to
 * carry, and none of them in two ways: VLANs that go, or come to be tagged or untagged, leave the trunk first; then the
 * native VLAN changes, which passes nothing while it is not allowed; then the others come. A port that was no trunk is
 * shut meanwhile: trunks let everything pass unless they are told otherwise.
 */
export function portCommands(
	port: string,
	config: PortConfig,
	wanted: PortState,
	dummyVlan: number,
): PortCommands {
	const enter = ['configure terminal', `interface ${port}`];
	const native = wanted.native ?? dummyVlan;
	const vlans = wanted.native === null ? wanted.tagged : [wanted.native, ...wanted.tagged];
	if (vlans.length === 0) return { ...shut(enter, config, dummyVlan), open: [] };

	const isTrunk = config.isSwitchport && config.mode === 'trunk';
	const stays = (vlan: number) => vlans.includes(vlan) && (vlan === config.native) === (vlan === native);
	const kept = config.allowed.filter(stays);
	const hasTooMany = kept.length < config.allowed.length;
	const isComplete = isTrunk && config.native === native && kept.length === vlans.length;

	const off = isTrunk ? [allow(kept)] : ['shutdown'];
	const set = [
		...(config.isSwitchport ? [] : ['switchport']),
		`switchport trunk native vlan ${native}`,
		allow(vlans),
		...(isTrunk ? [] : ['switchport mode trunk']),
	];
	// VLAN 1 is always there, and nobody may make it.
	const made = formatVlanRanges(vlans.filter(vlan => vlan !== 1));
	const make = made === '' ? [] : [`vlan ${made}`];
	const hasOff = !config.isShut && (!isTrunk || hasTooMany);
	const hasOn = !isComplete || (config.isShut && hasTooMany);
	return {
		off: hasOff ? [...enter, ...off] : [],
		on: hasOn ? ['configure terminal', ...make, `interface ${port}`, ...set] : [],
		open: config.isShut || !isTrunk ? [...enter, 'no shutdown'] : [],
	};
}

const allow = (vlans: readonly number[]): string =>
	`switchport trunk allowed vlan ${vlans.length === 0 ? 'none' : formatVlanRanges(vlans)}`;

/** Nothing passes a port that is shut. What it would carry is taken off as well, in case somebody opens it by hand. */
function shut(
	enter: readonly string[],
	{ isShut, isSwitchport, channel, mode, allowed, native }: PortConfig,
	dummyVlan: number,
): Omit<PortCommands, 'open'> {
	const isClean = mode === 'trunk' && allowed.length === 0 && native === dummyVlan;
	const clean = [`switchport trunk native vlan ${dummyVlan}`, allow([]), 'switchport mode trunk'];
	return {
		off: isShut ? [] : [...enter, 'shutdown'],
		on: isClean || !isSwitchport || channel !== null ? [] : [...enter, ...clean],
	};
}
