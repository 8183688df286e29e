import type { PortState } from '../../core/actions.ts';
import { childOf, textOf, type XmlElement } from '../netconf/xml.ts';
import { parseVlanRanges } from '../vlan-ranges.ts';

/** What Network OS has of a port, as far as it matters to what passes. */
export interface PortConfig {
	readonly isShut: boolean;
	readonly isMember: boolean;
	/** Absent on a port that is none of layer 2: a routed one, or one between switches of a fabric. */
	readonly switchport: Switchport | undefined;
}

export interface Switchport {
	/** `access`, `trunk`, `trunk-no-default-native`, or one that hil has nothing to do with. */
	readonly mode: string;
	/** Of an access port its VLAN; of a trunk the native VLAN, which it always has and always forwards; else null. */
	readonly own: number | null;
	/** The native VLAN is tagged, and untagged packets are dropped. */
	readonly isNativeTagged: boolean;
	readonly allowed: readonly number[];
	/** What else decides on VLANs, which hil cannot tell. */
	readonly oddity: string | null;
}

/** What a trunk that allows all is said to allow. */
export const everyVlan: readonly number[] = Array.from({ length: 4094 }, (_, index) => index + 1);

/** `interface/…`: whether it is shut, and a part of a port-channel. */
export const readInterface = (element: XmlElement): Pick<PortConfig, 'isShut' | 'isMember'> => ({
	isShut: isTrue(element, 'shutdown'),
	isMember: leavesOf(childOf(element, 'channel-group')).length > 0,
});

/** `switchport/access`; a port that says nothing of its VLAN is in the default one. */
export function readAccess(element: XmlElement | undefined): Switchport {
	const vlan = textOf(element, 'vlan') ?? '1';
	const odd = leavesOf(element).find(path => path !== 'vlan');
	return {
		mode: 'access',
		own: Number(vlan),
		isNativeTagged: false,
		allowed: [],
		oddity: /^\d{1,4}$/.test(vlan) && odd === undefined ? null : `access/${odd ?? vlan}`,
	};
}

/** `switchport/trunk` of a port of either kind of trunk. */
export function readTrunk(mode: string, element: XmlElement | undefined): Switchport {
	const list = childOf(childOf(element, 'allowed'), 'vlan');
	const allowed = isTrue(list, 'all') ? everyVlan : parseVlanRanges(textOf(list, 'add') ?? '');
	const native = textOf(element, 'native-vlan') ?? '1';
	const known = [
		'allowed/vlan/add',
		'allowed/vlan/all',
		'allowed/vlan/none',
		'tag/native-vlan',
		'native-vlan',
	];
	const odd = leavesOf(element).find(path => !known.includes(path));
	const oddity = ((): string | null => {
		if (odd !== undefined) return `trunk/${odd}`;
		if (!allowed) return 'trunk/allowed/vlan/add';
		return /^\d{1,4}$/.test(native) ? null : 'trunk/native-vlan';
	})();
	return {
		mode,
		own: mode === 'trunk' ? Number(native) : null,
		isNativeTagged: isTrue(childOf(element, 'tag'), 'native-vlan'),
		allowed: allowed ?? [],
		oddity,
	};
}

/** What would pass a port that is not shut; a text when that is nothing that hil can tell. */
export function portStateOf({ isMember, switchport }: PortConfig): PortState | string {
	if (isMember) return 'the port is a part of a port-channel';
	if (!switchport) return 'the port is none of layer 2 (switchport)';
	const { mode, own, isNativeTagged, allowed, oddity } = switchport;
	if (oddity !== null) return `the port has ${oddity}, which hil knows nothing of`;
	if (mode === 'access' || (mode === 'trunk' && !isNativeTagged)) {
		return { native: own, tagged: allowed.filter(vlan => vlan !== own) };
	}
	if (mode === 'trunk') {
		const tagged = new Set([...allowed, ...(own === null ? [] : [own])]);
		return { native: null, tagged: [...tagged].sort((a, b) => a - b) };
	}
	if (mode === 'trunk-no-default-native') return { native: null, tagged: allowed };
	return `the port is of mode ${mode}: hil has access ports and trunks only`;
}

/** Leaves without a value are there or not; there, they say `true`. */
const isTrue = (element: XmlElement | undefined, name: string): boolean => {
	const text = textOf(element, name);
	return text !== undefined && text !== 'false';
};

/** Paths of everything inside that says something. */
const leavesOf = (element: XmlElement | undefined): string[] =>
	(element?.children ?? []).flatMap(child =>
		child.children.length > 0
			? leavesOf(child).map(path => `${child.name}/${path}`)
			: child.text.trim() === ''
				? []
				: [child.name],
	);
