import type { PortState } from '../../core/actions.ts';
import { parseVlanRanges } from '../vlan-ranges.ts';

/** A port of a PowerConnect or N-Series switch, as `show interfaces switchport` and `… configuration` say. */
export interface TrunkPort {
	readonly isShut: boolean;
	readonly mode: 'access' | 'trunk' | 'other';
	/** The switch's word for it. */
	readonly modeName: string;
	/** Of a port in access mode. */
	readonly access: number | null;
	/** Of a port in trunk mode: what untagged frames belong to, whether it is allowed or not. */
	readonly native: number | null;
	/** Of a port in trunk mode; in order. */
	readonly allowed: readonly number[];
}

/**
 * Reads `Key: value` lines; a value goes on in lines that are indented. Undefined when they are not about that port, or
 * one that matters is missing. `highest`: what `All` goes up to. What is allowed without being there `(Inactive)` counts: it is carried once it is there.
 */
export function parseTrunkPort(
	name: string,
	switchport: readonly string[],
	{ isShut, highest }: { readonly isShut: boolean; readonly highest: number },
): TrunkPort | undefined {
	const fields = fieldsOf(switchport);
	const field = (...keys: string[]): string | undefined =>
		keys.map(key => fields.get(key.toLowerCase())).find(value => value !== undefined);
	if (field('Name', 'Port')?.toLowerCase() !== name.toLowerCase()) return undefined;
	const modeName = field('Administrative Mode', 'VLAN Membership Mode')?.toLowerCase();
	const access = vlanOf(field('Access Mode VLAN'));
	const native = vlanOf(field('Trunking Native Mode VLAN', 'Trunking Mode Native VLAN'));
	const allowed = vlansOf(field('Trunking VLANs Enabled', 'Trunking Mode VLANs Enabled'), highest);
	if (!modeName || access === undefined || native === undefined || allowed === undefined) return undefined;
	const known = /^(access|trunk)( mode)?$/.exec(modeName)?.[1] as 'access' | 'trunk' | undefined;
	const isRouted = /^dis/i.test(field('Switchport') ?? '');
	if (isRouted) return { isShut, mode: 'other', modeName: 'no switchport', access, native, allowed };
	return { isShut, mode: known ?? 'other', modeName, access, native, allowed };
}

/**
 * What it carries when it is not shut, or why that cannot be told. `nativeIs`: whether a native VLAN is carried always, or
 * only where it is allowed as well.
 */
export function trunkPortState(
	{ mode, modeName, access, native, allowed }: TrunkPort,
	nativeIs: 'carried always' | 'carried if allowed',
): PortState | string {
	if (mode === 'access') return { native: access, tagged: [] };
	if (mode === 'other') return `its mode is '${modeName}', which hil does not set`;
	const isCarried = native !== null && (nativeIs === 'carried always' || allowed.includes(native));
	const carried = isCarried ? native : null;
	return { native: carried, tagged: allowed.filter(vlan => vlan !== carried) };
}

/**
 * Reads the table of `show interfaces configuration` for one port: whether its administrative state is `Down`.
 * Undefined when it has no such row, or one that says neither or both.
 */
export function parseIsShut(name: string, table: readonly string[]): boolean | undefined {
	const row = table
		.map(line => line.trim().split(/\s+/))
		.find(([first]) => first?.toLowerCase() === name.toLowerCase());
	const states = (row ?? []).filter(cell => /^(up|down)$/i.test(cell));
	return states.length === 1 ? states[0]?.toLowerCase() === 'down' : undefined;
}

/** The numbers in the first column of `show vlan`. */
export const parseVlanTable = (table: readonly string[]): ReadonlySet<number> =>
	new Set(table.flatMap(line => /^\s{0,4}(\d{1,4})(?=\s|$)/.exec(line)?.[1] ?? []).map(Number));

function fieldsOf(lines: readonly string[]): Map<string, string> {
	const fields = new Map<string, string>();
	let last: string | undefined;
	for (const line of lines) {
		const found = /^(\S[^:]*?)\s*:(.*)$/.exec(line);
		if (found) {
			last = (found[1] ?? '').toLowerCase();
			// Of two with one name, neither can be believed.
			fields.set(last, fields.has(last) ? '?' : (found[2] ?? '').trim());
		} else if (last !== undefined && /^\s+\S/.test(line)) {
			fields.set(last, `${fields.get(last)},${line.trim()}`);
		} else last = undefined;
	}
	return fields;
}

/** `none`, `3`, `3 (Inactive)` or `1 (default)`. */
function vlanOf(text: string | undefined): number | null | undefined {
	if (text === undefined) return undefined;
	const plain = text.replace(/\s*\([A-Za-z ]*\)$/, '');
	if (/^none$/i.test(plain)) return null;
	return /^\d{1,4}$/.test(plain) ? Number(plain) : undefined;
}

/** `none`, `All`, or ranges in one or more lines, with or without `(Inactive)`. */
function vlansOf(text: string | undefined, highest: number): number[] | undefined {
	if (text === undefined) return undefined;
	const parts = text.replace(/\(inactive\)/gi, '').split(',');
	const plain = parts.map(part => part.trim()).filter(part => part !== '');
	if (plain.length === 1 && /^all$/i.test(plain[0] ?? '')) return parseVlanRanges(`1-${highest}`);
	return parseVlanRanges(plain.join(',').toLowerCase());
}
