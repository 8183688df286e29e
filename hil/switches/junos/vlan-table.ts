import { z } from 'zod';
import { childOf, childrenOf, textOf, type XmlElement } from '../netconf/xml.ts';

/** A VLAN as the configuration defines it. */
export interface Vlan {
	readonly name: string;
	/** One, or several where it has a list; none where it has no number. */
	readonly ids: readonly number[];
	/** Logical interfaces that it takes in by itself: `ge-0/0/1.0`. */
	readonly interfaces: readonly string[];
}

export type VlanTable = readonly Vlan[];

const vlanId = z
	.string()
	.regex(/^[1-9][0-9]{0,3}$/)
	.transform(Number)
	.refine(id => id <= 4094);

/** A number from 1 to 4094, and nothing else. */
export const readVlanId = (text: string | undefined): number | undefined => vlanId.safeParse(text).data;

/** `10`, or `10-19`. */
function readVlanIds(text: string): readonly number[] | undefined {
	const [first, last = first, ...more] = text.split('-');
	const [from, to] = [readVlanId(first), readVlanId(last)];
	if (from === undefined || to === undefined || more.length > 0) return undefined;
	return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

export const readVlanTable = (configuration: XmlElement): VlanTable =>
	childrenOf(childOf(configuration, 'vlans'), 'vlan').map(vlan => ({
		name: textOf(vlan, 'name') ?? '',
		ids: [...childrenOf(vlan, 'vlan-id'), ...childrenOf(vlan, 'vlan-id-list')].flatMap(
			({ text }) => readVlanIds(text.trim()) ?? [],
		),
		interfaces: childrenOf(vlan, 'interface').flatMap(each => textOf(each, 'name') ?? []),
	}));

/**
 * VLANs that a `members` statement puts on a port: numbers also where no VLAN has them yet, for somebody may define
 * it. Undefined when it names what is not there.
 */
export function membersOf(text: string, table: VlanTable): readonly number[] | undefined {
	if (text === 'all') return table.flatMap(({ ids }) => ids);
	return readVlanIds(text) ?? table.find(({ name }) => name === text)?.ids;
}
