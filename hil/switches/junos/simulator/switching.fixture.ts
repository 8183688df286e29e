import { inherit } from './inheritance.fixture.ts';
import { activeOf, at, find, type Statement } from './statements.fixture.ts';

/** What one port forwards, by VLAN. */
export interface Forwarding {
	readonly isTrunk: boolean;
	/** Somebody has disabled it: nothing passes. It is shown with its VLANs all the same. */
	readonly isDown: boolean;
	readonly vlans: ReadonlyMap<number, { readonly name: string; readonly isTagged: boolean }>;
}

/** VLANs in force, by number. A switch that nobody configured has `default`. */
export function vlansOf(effective: readonly Statement[]): Map<number, string> {
	const vlans = new Map<number, string>();
	for (const { value, children } of at(effective, 'vlans')?.children ?? []) {
		const id = at(children, 'vlan-id')?.value;
		if (id !== undefined) vlans.set(Number(id), value);
		for (const list of children.filter(({ name }) => name === 'vlan-id-list'))
			for (const each of numbersIn(list.value))
				vlans.set(each, `${value}-vlan-${String(each).padStart(4, '0')}`);
	}
	if (!vlans.has(1)) vlans.set(1, 'default');
	return vlans;
}

/** `10`, or `10-19`. */
export function numbersIn(text: string): number[] {
	const [, from, to = from] = /^([0-9]+)(?:-([0-9]+))?$/.exec(text) ?? [];
	if (from === undefined) return [];
	return Array.from(
		{ length: Math.max(0, Number(to) - Number(from) + 1) },
		(_, index) => Number(from) + index,
	);
}

/** VLANs that a `members` statement means; none when there is no such VLAN. */
export function membersMeant(text: string, vlans: ReadonlyMap<number, string>): number[] {
	if (text === 'all') return [...vlans.keys()];
	const numbers = numbersIn(text);
	if (numbers.length > 0) return numbers.filter(each => vlans.has(each));
	// A VLAN with a list of numbers is one VLAN for each.
	return [...vlans].filter(([, name]) => name === text || name.startsWith(`${text}-vlan-`)).map(([id]) => id);
}

/**
 * What the forwarding hardware of a switch does by a configuration: of each port with Ethernet switching, which
 * VLANs pass and with which tag. Ports that are not in the answer pass nothing.
 */
export function forwardingOf(configuration: readonly Statement[]): Map<string, Forwarding> {
	const effective = inherit(activeOf(configuration));
	const vlans = vlansOf(effective);
	const ports = new Map<string, Forwarding>();
	for (const { name, value: port, children } of at(effective, 'interfaces')?.children ?? []) {
		if (name !== 'interface') continue;
		const unit = find(children, 'unit', '0');
		const switching =
			unit && !find(unit.children, 'disable') && at(unit.children, 'family', 'ethernet-switching');
		if (!switching) continue;
		const isTrunk = find(switching.children, 'interface-mode')?.value === 'trunk';
		const said = (find(switching.children, 'vlan')?.children ?? []).flatMap(each =>
			membersMeant(each.value, vlans),
		);
		const lent = [...vlans].filter(([, vlan]) => {
			const entry = find(at(effective, 'vlans')?.children ?? [], 'vlan', vlan);
			return entry && find(entry.children, 'interface', `${port}.0`);
		});
		const members = new Set([...said, ...lent.map(([id]) => id)]);
		if (!isTrunk && members.size === 0) members.add(1);
		const native = Number(find(children, 'native-vlan-id')?.value ?? 0);
		const carried = [...members].map(
			id => [id, { name: vlans.get(id) ?? '', isTagged: isTrunk && id !== native }] as const,
		);
		const isDown = find(children, 'disable') !== undefined;
		ports.set(port, { isTrunk, isDown, vlans: new Map(carried.sort(([a], [b]) => a - b)) });
	}
	return ports;
}
