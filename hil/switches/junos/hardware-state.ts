import { childOf, textOf, type XmlElement } from '../netconf/xml.ts';
import { readVlanId } from './vlan-table.ts';

/**
 * Of the reply to `get-ethernet-switching-interface-information`: the VLANs that the forwarding hardware has on a
 * port, tagged or not; undefined when the hardware does not know the port. In words: what is wrong with the reply.
 */
export function hardwareVlans(reply: XmlElement, port: string): ReadonlySet<number> | undefined | string {
	const table = childOf(reply, 'l2ng-l2ald-iff-interface-information');
	if (!table) {
		return childOf(reply, 'switching-interface-information')
			? 'it has no Enhanced Layer 2 Software (ELS)'
			: 'it does not show what its ports carry';
	}
	let isFound = false;
	const vlans = new Set<number>();
	let current: string | undefined;
	for (const entry of rowsOf(table)) {
		// The row of a port has its name; those of its VLANs come behind it, with the name left empty.
		current = textOf(entry, 'l2iff-interface-name') || current;
		if (current !== `${port}.0`) continue;
		isFound = true;
		const text = textOf(entry, 'l2iff-interface-vlan-id');
		if (!text) continue;
		const vlan = readVlanId(text);
		if (vlan === undefined) return `it shows the VLAN '${text.slice(0, 20)}' on the port`;
		vlans.add(vlan);
	}
	return isFound ? vlans : undefined;
}

/** Rows stand inside rows. */
const rowsOf = (table: XmlElement): readonly XmlElement[] =>
	table.children
		.filter(({ name }) => name === 'l2ng-l2ald-iff-interface-entry')
		.flatMap(entry => [entry, ...rowsOf(entry)]);
