import type { PortState } from '../../core/actions.ts';
import { give } from '../command-line/command-line.ts';
import type { Dialect } from '../command-line/dialect.ts';
import { saveFailure } from './save-failure.ts';
import {
	allowedVlans,
	configuring,
	inConfig,
	missingVlans,
	trunkDialect,
	vlansOf,
	within,
} from './trunk-dialect.ts';
import { type TrunkPort, trunkPortState } from './trunk-port.ts';

/** The highest that networks can have: 4094 is the switch's own. */
const highestVlan = 4093;

/** `(config-if-Gi1/0/11)#`. */
const inInterface = (name: string): RegExp => new RegExp(`^\\(config-if-${name}\\)#$`, 'i');

/**
 * Of a trunk, which always has a native VLAN, but does not carry it unless it is allowed as well ("switchport trunk" in
 * the N-Series CLI Reference Guide: to drop untagged traffic, the native VLAN is removed). Undefined when the native VLAN
 * has to become the dummy, which the switch takes only while that is allowed.
 */
function trunkCommands({ native, allowed }: TrunkPort, wanted: PortState): string[] | undefined {
	if (wanted.native === null && native !== null && wanted.tagged.includes(native)) return undefined;
	const vlans = vlansOf(wanted);
	return [
		...allowedVlans(
			'remove',
			allowed.filter(vlan => !vlans.includes(vlan)),
		),
		...allowedVlans(
			'add',
			vlans.filter(vlan => !allowed.includes(vlan)),
		),
		...(wanted.native === null || wanted.native === native
			? []
			: [`switchport trunk native vlan ${wanted.native}`]),
	];
}

/** `dummy`: the native VLAN of ports that have none; never allowed on a port that is not shut. */
export function n3000Dialect(dummy: number): Dialect<TrunkPort> {
	/** For a port that is shut. */
	function rebuilt(port: TrunkPort, wanted: PortState): string[] {
		if (port.mode !== 'trunk') return ['switchport mode trunk'];
		if (wanted.native !== null || port.native === dummy) return trunkCommands(port, wanted) ?? [];
		return [
			...(port.allowed.includes(dummy) ? [] : allowedVlans('add', [dummy])),
			`switchport trunk native vlan ${dummy}`,
			...allowedVlans('remove', [dummy]),
		];
	}
	return {
		...trunkDialect(highestVlan),
		carries: port => trunkPortState(port, 'carried if allowed'),
		unpaged: 'terminal length 0',
		objection(wanted) {
			const vlans = vlansOf(wanted);
			if (vlans.includes(dummy))
				return `VLAN ${dummy} is the dummy_vlan of this switch: no network can have it`;
			const above = vlans.find(vlan => vlan > highestVlan);
			return above === undefined
				? undefined
				: `VLAN ${above} cannot be on this switch: ${highestVlan} is its highest`;
		},
		async prepare(line, _port, wanted, signal) {
			const vlans = [...vlansOf(wanted), ...(wanted.native === null ? [dummy] : [])];
			const commands = (await missingVlans(line, vlans, signal)).flatMap(vlan => [
				{ text: `vlan ${vlan}`, leaves: /^\(config-vlan\d*\)#$/ },
				{ text: 'exit', leaves: inConfig },
			]);
			if (commands.length > 0) await give(line, configuring(commands), signal);
		},
		inPlace(name, port, wanted) {
			const commands = port.mode === 'trunk' ? trunkCommands(port, wanted) : undefined;
			return commands && within(name, inInterface(name), commands);
		},
		whileShut: (name, port, wanted) => within(name, inInterface(name), rebuilt(port, wanted)),
		shut: name => within(name, inInterface(name), ['shutdown']),
		open: name => within(name, inInterface(name), ['no shutdown']),
		save: {
			text: 'copy running-config startup-config',
			leaves: /^#$/,
			questions: [{ asks: /\(y\/n\)$/i, answer: 'y' }],
			fails: saveFailure,
		},
	};
}
