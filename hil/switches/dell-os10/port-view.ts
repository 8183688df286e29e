import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';

const portList = z.array(z.string()).optional();
const iface = z.object({
	name: z.string(),
	type: z.string().optional(),
	/** On, says ietf-interfaces (RFC 8343), where nothing is said. */
	enabled: z.boolean().default(true),
	'dell-interface:mode': z.string().optional(),
	'dell-interface:untagged-ports': portList,
	'dell-interface:tagged-ports': portList,
	'dell-interface:member-ports': z.array(z.object({ name: z.string() })).optional(),
});
const list = z.array(iface);
/** The list alone, or the container around it: which one comes differs between releases. */
export const interfaces = z.union([
	z.object({ 'ietf-interfaces:interface': list }).transform(({ 'ietf-interfaces:interface': all }) => all),
	z
		.object({ 'ietf-interfaces:interfaces': z.object({ interface: list }) })
		.transform(({ 'ietf-interfaces:interfaces': { interface: all } }) => all),
]);
export type Interfaces = z.output<typeof interfaces>;

/** A port as the switch has it; which VLANs it is in, their interfaces say. */
export interface PortView {
	readonly enabled: boolean;
	readonly isTrunk: boolean;
	/** Why hil has nothing to do with it. */
	readonly oddity: string | null;
	readonly untagged: number | null;
	readonly tagged: readonly number[];
	/** Every VLAN that there is. */
	readonly vlans: ReadonlySet<number>;
}

/** @returns undefined when there is no such port */
export function viewPort(all: Interfaces, name: string): PortView | undefined {
	const port = all.find(each => each.name === name);
	if (!port) return undefined;
	const mode = port['dell-interface:mode'] ?? 'MODE_L2';
	const channel = all.find(each => each['dell-interface:member-ports']?.some(member => member.name === name));
	const vlans = all.flatMap(each => {
		const id = /^vlan(\d+)$/.exec(each.name)?.[1];
		return id === undefined ? [] : [{ id: Number(id), each }];
	});
	const isIn = (key: 'dell-interface:untagged-ports' | 'dell-interface:tagged-ports') =>
		vlans.filter(({ each }) => each[key]?.includes(name)).map(({ id }) => id);
	const oddity = ((): string | null => {
		if (channel) return `the port is a part of ${channel.name}`;
		if (mode === 'MODE_L2' || mode === 'MODE_L2HYBRID') return null;
		return `the port is of mode ${mode}: make it one of layer 2 (switchport mode trunk)`;
	})();
	return {
		enabled: port.enabled,
		isTrunk: mode === 'MODE_L2HYBRID',
		oddity,
		untagged: isIn('dell-interface:untagged-ports')[0] ?? null,
		tagged: isIn('dell-interface:tagged-ports').sort((a, b) => a - b),
		vlans: new Set(vlans.map(({ id }) => id)),
	};
}

/** What would pass the port if it was enabled. An access port that is in no VLAN is in the default one. */
export const membership = ({ isTrunk, untagged, tagged }: PortView): PortState => ({
	native: untagged ?? (isTrunk ? null : 1),
	tagged,
});
