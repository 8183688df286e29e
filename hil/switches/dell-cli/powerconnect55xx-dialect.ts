import type { PortState } from '../../core/actions.ts';
import { give } from '../command-line/command-line.ts';
import type { Dialect } from '../command-line/dialect.ts';
import { saveFailure } from './save-failure.ts';
import { allowedVlans, configuring, missingVlans, trunkDialect, vlansOf, within } from './trunk-dialect.ts';
import { type TrunkPort, trunkPortState } from './trunk-port.ts';

const inInterface = /^\(config-if\)#$/;
const inVlans = /^\(config-vlan\)#$/;

/**
 * Of a trunk. A native VLAN goes before its VLAN is taken off the port: the other way round the switch makes the
 * default VLAN the native one (55xx User Guide, "VLAN Membership", trunk ports).
 */
function trunkCommands({ native, allowed }: TrunkPort, wanted: PortState): string[] {
	const vlans = vlansOf(wanted);
	const isSameNative = native === wanted.native;
	const there = isSameNative ? vlansOf({ native, tagged: allowed }) : allowed;
	return [
		...(isSameNative || native === null ? [] : ['switchport trunk native vlan none']),
		...allowedVlans(
			'remove',
			allowed.filter(vlan => !vlans.includes(vlan)),
		),
		...allowedVlans(
			'add',
			vlans.filter(vlan => !there.includes(vlan)),
		),
		...(isSameNative || wanted.native === null ? [] : [`switchport trunk native vlan ${wanted.native}`]),
	];
}

export const powerConnect55xxDialect: Dialect<TrunkPort> = {
	...trunkDialect(4094),
	// Whether the list has the native VLAN as well is not documented: it counts wherever it stands.
	carries: port => trunkPortState(port, 'carried always'),
	unpaged: 'terminal datadump',
	objection: () => undefined,
	async prepare(line, _port, wanted, signal) {
		const missing = await missingVlans(line, vlansOf(wanted), signal);
		if (missing.length === 0) return;
		const texts = ['vlan database', ...missing.map(vlan => `vlan ${vlan}`)];
		await give(line, configuring(texts.map(text => ({ text, leaves: inVlans }))), signal);
	},
	inPlace: (name, port, wanted) =>
		port.mode === 'trunk' ? within(name, inInterface, trunkCommands(port, wanted)) : undefined,
	whileShut: (name, port, wanted) =>
		within(
			name,
			inInterface,
			port.mode === 'trunk' ? trunkCommands(port, wanted) : ['switchport mode trunk'],
		),
	shut: name => within(name, inInterface, ['shutdown']),
	open: name => within(name, inInterface, ['no shutdown']),
	save: {
		text: 'copy running-config startup-config',
		leaves: /^#$/,
		questions: [{ asks: /\(y\/n\)\s*(\[n\])?\s*\??$/i, answer: 'y' }],
		fails: saveFailure,
	},
};
