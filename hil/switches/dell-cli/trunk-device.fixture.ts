import type { PortState } from '../../core/actions.ts';
import { formatVlanRanges, parseVlanRanges } from '../vlan-ranges.ts';

/** A port as PowerConnect and N-Series keep it. */
export interface SimulatedTrunkPort {
	isShut: boolean;
	mode: 'access' | 'trunk' | 'general';
	access: number;
	/** Of a trunk, also while it is none. */
	native: number | null;
	allowed: Set<number>;
}

export interface TrunkConfig {
	readonly vlans: Set<number>;
	readonly ports: Map<string, SimulatedTrunkPort>;
}

const range = (first: number, last: number): Set<number> =>
	new Set(Array.from({ length: last - first + 1 }, (_, index) => first + index));

/** What a port is when nobody has set it: on the default VLAN, and on all when it is made a trunk. */
const factoryPort = (highest: number): SimulatedTrunkPort => ({
	isShut: false,
	mode: 'access',
	access: 1,
	native: 1,
	allowed: range(1, highest),
});

export function factoryConfig(names: readonly string[], highest: number): TrunkConfig {
	return { vlans: new Set([1]), ports: new Map(names.map(name => [name, factoryPort(highest)])) };
}

/** What passes a port: only VLANs that are there, and untagged frames only where the native VLAN is allowed. */
export function passing({ vlans }: TrunkConfig, port: SimulatedTrunkPort): PortState {
	if (port.isShut) return { native: null, tagged: [] };
	if (port.mode !== 'trunk') return { native: vlans.has(port.access) ? port.access : null, tagged: [] };
	const passed = [...port.allowed].filter(vlan => vlans.has(vlan)).sort((a, b) => a - b);
	const native = passed.find(vlan => vlan === port.native) ?? null;
	return { native, tagged: passed.filter(vlan => vlan !== native) };
}

/** As the devices write lists: in several lines when they are long. */
export function listLines(vlans: Iterable<number>, indent: string): string[] {
	const lines: string[] = [];
	for (const part of formatVlanRanges(vlans).split(',')) {
		const last = lines.at(-1);
		if (last !== undefined && last.length + part.length < 48) lines[lines.length - 1] = `${last},${part}`;
		else lines.push(part);
	}
	return lines.map((line, index) => (index === 0 ? line : `${indent}${line}`));
}

/** As the devices take them; undefined where they say that it is none. */
export function givenVlans(text: string, highest: number): number[] | undefined {
	if (!/^[\d,-]+$/.test(text)) return undefined;
	const vlans = parseVlanRanges(text);
	return vlans?.every(vlan => vlan <= highest) ? vlans : undefined;
}

/** Rows of `show interfaces configuration`: the administrative state stands among other columns. */
export const configurationRow = (name: string, { isShut }: SimulatedTrunkPort): string =>
	`${name.padEnd(8)} 1G-Copper    Full    1000   Enabled  Off      ${isShut ? 'Down' : 'Up'.padEnd(4)}    Disabled Auto`;
