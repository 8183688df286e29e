import type { PortState } from '../../core/actions.ts';
import { childOf, childrenOf, textOf, type XmlElement } from '../netconf/xml.ts';
import { membersOf, readVlanId, readVlanTable, type VlanTable } from './vlan-table.ts';

const nothing: PortState = { native: null, tagged: [] };

/** Statements that change nothing of which VLANs pass a port, by what they stand in. All others are not understood. */
const harmless = {
	interface: new Set([
		...['name', 'description', 'unit', 'disable', 'enable', 'native-vlan-id', 'mtu', 'speed', 'link-mode'],
		...['ether-options', 'gigether-options', 'aggregated-ether-options', 'auto-negotiation', 'hold-time'],
		...['optics-options', 'traps', 'no-traps', 'damping', 'accounting-profile', 'apply-macro'],
	]),
	unit: new Set(['name', 'description', 'disable', 'enable', 'family', 'traps', 'no-traps', 'apply-macro']),
	'ethernet-switching': new Set([
		...['interface-mode', 'vlan', 'storm-control', 'recovery-timeout', 'filter', 'apply-macro'],
	]),
};

/** The interface's own part of a configuration, as far as it is in force. */
export const interfaceOf = (configuration: XmlElement, port: string): XmlElement | undefined =>
	childrenOf(childOf(configuration, 'interfaces'), 'interface').find(each => textOf(each, 'name') === port);

/** Without what was deactivated: it stands there and does nothing. */
const activeOf = (element: XmlElement): XmlElement => ({
	...element,
	children: element.children.filter(({ attributes }) => attributes.inactive === undefined).map(activeOf),
});

/**
 * What a configuration lets pass a port; or, in words, what stands there that hil does not understand and so cannot
 * answer for. It has to be the configuration with everything inherited (groups, ranges of interfaces) in its place.
 */
export function portStateOf(configuration: XmlElement, port: string): PortState | string {
	const active = activeOf(configuration);
	const found = interfaceOf(active, port);
	if (!found || childOf(found, 'disable')) return nothing;
	const odd =
		oddIn(found, 'interface') ?? (isBundled(found) ? 'it is a part of an aggregated interface' : undefined);
	if (odd !== undefined) return odd;
	const [unit, ...more] = childrenOf(found, 'unit');
	if (!unit) return nothing;
	const other = [unit, ...more].find(each => textOf(each, 'name') !== '0');
	if (other) return `it has unit ${textOf(other, 'name')}`;
	if (childOf(unit, 'disable')) return nothing;
	const family = childOf(unit, 'family');
	const stranger = family?.children.find(({ name }) => name !== 'ethernet-switching');
	if (stranger) return `it has family ${stranger.name}`;
	const switching = childOf(family, 'ethernet-switching');
	if (!switching) return oddIn(unit, 'unit') ?? nothing;
	return (
		oddIn(unit, 'unit') ??
		oddIn(switching, 'ethernet-switching') ??
		switchedState(switching, textOf(found, 'native-vlan-id'), port, readVlanTable(active))
	);
}

/** It is disabled, and has kept what it would carry otherwise. hil leaves no such port behind. */
export function isShutWithUnits(configuration: XmlElement, port: string): boolean {
	const found = interfaceOf(activeOf(configuration), port);
	return childOf(found, 'disable') !== undefined && childOf(found, 'unit') !== undefined;
}

const oddIn = (element: XmlElement, what: keyof typeof harmless): string | undefined => {
	const odd = element.children.find(({ name }) => !harmless[what].has(name));
	return odd && `it has '${odd.name}' in its ${what}`;
};

const isBundled = (found: XmlElement): boolean =>
	['ether-options', 'gigether-options'].some(options => childOf(childOf(found, options), 'ieee-802.3ad'));

function switchedState(
	switching: XmlElement,
	nativeText: string | undefined,
	port: string,
	table: VlanTable,
): PortState | string {
	const vlans = new Set<number>();
	for (const { text } of childrenOf(childOf(switching, 'vlan'), 'members')) {
		const members = membersOf(text.trim(), table);
		if (!members) return `its VLAN ${text.trim()} is not defined`;
		for (const vlan of members) vlans.add(vlan);
	}
	for (const { ids, interfaces } of table) {
		if (interfaces.includes(`${port}.0`) || interfaces.includes(port))
			for (const vlan of ids) vlans.add(vlan);
	}
	const mode = textOf(switching, 'interface-mode') ?? 'access';
	const native = nativeText === undefined ? null : readVlanId(nativeText);
	if (mode === 'trunk') {
		if (native === undefined || (native !== null && !vlans.has(native)))
			return `its native-vlan-id ${nativeText} is not among its VLANs`;
		return { native, tagged: [...vlans].filter(vlan => vlan !== native).sort((a, b) => a - b) };
	}
	if (mode !== 'access') return `its interface-mode is ${mode}`;
	if (native !== null) return 'it has a native-vlan-id and is no trunk';
	if (vlans.size > 1) return 'it is in access mode and has several VLANs';
	// Without members it is in the VLAN `default`, whose number is 1 unless it was given another.
	const [vlan = table.find(({ name }) => name === 'default')?.ids[0] ?? 1] = vlans;
	return { native: vlan, tagged: [] };
}
