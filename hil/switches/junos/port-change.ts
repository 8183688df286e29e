import type { PortState } from '../../core/actions.ts';
import { childOf, childrenOf, textOf, type XmlElement, xml } from '../netconf/xml.ts';
import { interfaceOf } from './port-configuration.ts';
import { readVlanTable } from './vlan-table.ts';

const toDelete = { operation: 'delete' };

/**
 * The sections to load so that a port carries what is wanted and nothing else, out of the candidate as it stands
 * (`own`) and with what it inherits (`effective`). Deletes only what is there: Junos warns of anything else.
 *
 * A port of nothing is disabled, has no unit and is in no VLAN: either alone would do, and each outlasts the other's
 * being undone by hand. A port of one untagged VLAN is in access mode, which takes no tagged frames; any other is a
 * trunk, which takes untagged frames only for its native-vlan-id.
 * @returns words instead, when a VLAN cannot be defined
 */
export function portChange(
	own: XmlElement,
	effective: XmlElement,
	port: string,
	wanted: PortState,
): readonly XmlElement[] | string {
	const table = readVlanTable(effective);
	const vlans = [...(wanted.native === null ? [] : [wanted.native]), ...wanted.tagged];
	const missing = vlans.filter(vlan => !table.some(({ ids }) => ids.includes(vlan)));
	const taken = missing.map(nameOf).find(name => table.some(each => each.name === name));
	if (taken !== undefined)
		return `there is a VLAN called ${taken} with another number: rename it on the switch`;
	const left = readVlanTable(own).flatMap(({ name, interfaces }) =>
		interfaces
			.filter(each => each === port || each.startsWith(`${port}.`))
			.map(each => xml('vlan', [xml('name', name), xml('interface', [xml('name', each)], toDelete)])),
	);
	const made = missing.map(vlan => xml('vlan', [xml('name', nameOf(vlan)), xml('vlan-id', String(vlan))]));
	return [
		...(left.length + made.length > 0 ? [xml('vlans', [...left, ...made])] : []),
		xml('interfaces', [interfaceChange(interfaceOf(own, port), port, wanted)]),
	];
}

/** Of VLANs that hil defines. */
const nameOf = (vlan: number): string => `hil-${vlan}`;

function interfaceChange(
	found: XmlElement | undefined,
	port: string,
	{ native, tagged }: PortState,
): XmlElement {
	const isNothing = native === null && tagged.length === 0;
	const isTrunk = tagged.length > 0;
	const gone = (name: string): XmlElement | undefined =>
		childOf(found, name) ? xml(name, [], toDelete) : undefined;
	const units = childrenOf(found, 'unit').flatMap(each => textOf(each, 'name') ?? []);
	const goneUnits = units.filter(unit => isNothing || unit !== '0');
	// Loading into what was deactivated would leave it so.
	const activation = found?.attributes.inactive === undefined ? {} : { active: 'active' };
	const inside = [
		xml('name', port),
		...(isNothing ? [xml('disable', [], activationOf(childOf(found, 'disable')))] : [gone('disable')]),
		isTrunk && native !== null
			? xml('native-vlan-id', String(native), activationOf(childOf(found, 'native-vlan-id')))
			: gone('native-vlan-id'),
		...goneUnits.map(unit => xml('unit', [xml('name', unit)], toDelete)),
		isNothing ? undefined : switchedUnit(isTrunk, [...(native === null ? [] : [native]), ...tagged]),
	];
	return xml('interface', inside, activation);
}

const activationOf = (found: XmlElement | undefined): Record<string, string> =>
	found?.attributes.inactive === undefined ? {} : { active: 'active' };

/** Replaces the whole unit, so that nothing of an earlier one stays. */
const switchedUnit = (isTrunk: boolean, vlans: readonly number[]): XmlElement =>
	xml(
		'unit',
		[
			xml('name', '0'),
			xml('family', [
				xml('ethernet-switching', [
					xml('interface-mode', isTrunk ? 'trunk' : 'access'),
					xml(
						'vlan',
						vlans.map(vlan => xml('members', String(vlan))),
					),
				]),
			]),
		],
		{ operation: 'replace' },
	);
