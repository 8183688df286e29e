import type { PortState } from '../../core/actions.ts';
import { parseVlanRanges } from '../vlan-ranges.ts';

/** A port of a switch with Dell Networking OS 9. */
export interface Nos9Port {
	readonly isShut: boolean;
	/** In Layer 2 mode; otherwise it is in no VLAN. */
	readonly isSwitchport: boolean;
	/** Takes untagged and tagged frames. Without it, the frames of one kind are dropped. */
	readonly isHybrid: boolean;
	readonly native: number | null;
	readonly tagged: readonly number[];
	/** What else it is that hil does not set, in the switch's words. */
	readonly strange: string | null;
}

/** Lines of an interface that make it something else than a port in VLANs. */
const strange =
	/^(?:ip address |ipv6 address |ip unnumbered |port-channel|channel-member|vlan-stack|switchport \S|private-vlan|vlt-|dot1x |gvrp )/;

/**
 * Reads `show running-config interface`, without the VLANs: those are configured at the VLANs. Undefined when it is not
 * about that interface, or does not say whether that is shut.
 */
export function parseNos9Interface(
	name: string,
	lines: readonly string[],
): Omit<Nos9Port, 'native' | 'tagged'> | undefined {
	const texts = lines.map(line => line.trim());
	const heads = texts.filter(line => line.startsWith('interface '));
	if (heads.length !== 1 || heads[0]?.toLowerCase() !== `interface ${name.toLowerCase()}`) return undefined;
	const isShut = texts.includes('shutdown');
	if (isShut === texts.includes('no shutdown')) return undefined;
	return {
		isShut,
		isSwitchport: texts.includes('switchport'),
		isHybrid: texts.includes('portmode hybrid'),
		strange: texts.find(line => strange.test(line)) ?? null,
	};
}

export interface Nos9Membership {
	readonly native: number | null;
	readonly tagged: readonly number[];
	readonly strange: string | null;
}

/**
 * Reads the table of `show interfaces switchport`: `U 10`, `T 11,20-22`; lists go on in lines of their own. Undefined
 * when it is not about that interface, or not such a table.
 */
export function parseNos9Membership(name: string, lines: readonly string[]): Nos9Membership | undefined {
	const of = lines.flatMap(line => /^\s*Name:\s*(.+?)\s*$/.exec(line)?.[1] ?? []);
	const begin = lines.findIndex(line => /^\s*Q\s+Vlans\s*$/i.test(line));
	if (of.length !== 1 || of[0]?.toLowerCase() !== name.toLowerCase() || begin < 0) return undefined;
	const lists = new Map<string, string>();
	let code = '';
	for (const line of lines.slice(begin + 1)) {
		const row = /^\s*(?:([A-Za-z])\s+)?([\d,\s-]+)$/.exec(line);
		if (line.trim() === '' || !row) break;
		code = row[1] ?? code;
		lists.set(code, `${lists.get(code) ?? ''},${row[2]}`);
	}
	const listOf = (of: string): number[] | undefined =>
		parseVlanRanges(
			(lists.get(of) ?? '')
				.split(',')
				.map(part => part.trim())
				.filter(Boolean)
				.join(','),
		);
	const [untagged, tagged] = [listOf('U'), listOf('T')];
	if (!untagged || !tagged || untagged.length > 1) return undefined;
	const others = [...lists.keys()].filter(each => each !== 'U' && each !== 'T');
	const found = others.length > 0 ? `VLANs of kind ${others.join(' and ')}` : null;
	return { native: untagged[0] ?? null, tagged, strange: found };
}

/** What it carries when it is not shut, or why that cannot be told. */
export function nos9PortState({
	isSwitchport,
	isHybrid,
	native,
	tagged,
	strange,
}: Nos9Port): PortState | string {
	if (strange !== null) return `it has '${strange}', which hil does not set`;
	if (!isSwitchport) return { native: null, tagged: [] };
	if (isHybrid && tagged.length === 0)
		return 'it is hybrid without tagged VLANs, and takes the frames of all';
	return { native, tagged };
}

/** The VLAN of ports that are in no other: its number in the lines of the configuration that have `default`; 1 if none. */
export const parseDefaultVlan = (lines: readonly string[]): number =>
	Number(lines.flatMap(line => /^\s*default vlan-id (\d{1,4})\s*$/.exec(line)?.[1] ?? []).at(-1) ?? 1);
