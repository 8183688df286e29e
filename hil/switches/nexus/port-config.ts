import type { PortState } from '../../core/actions.ts';
import { parseVlanRanges } from '../vlan-ranges.ts';

/** What `show running-config interface NAME all` says of a port, as far as it matters to what passes. */
export interface PortConfig {
	readonly isShut: boolean;
	/** Of layer 2 at all: a routed port is not. */
	readonly isSwitchport: boolean;
	/** `access`, `trunk` or one of those that hil has nothing to do with. */
	readonly mode: string;
	readonly access: number;
	/** Tagged on an access port, for telephones. */
	readonly voice: number | null;
	readonly native: number;
	/** VLANs that pass a trunk; the native one passes when it is among them. */
	readonly allowed: readonly number[];
	/** The port-channel that it is a part of, which decides what passes. */
	readonly channel: string | null;
}

/** @returns undefined when the text has no such port, or does not say all of it: then nothing is known */
export function parsePortConfig(text: string, port: string): PortConfig | undefined {
	const lines = text.split('\n').map(line => line.trimEnd());
	const start = lines.findIndex(line => line.toLowerCase() === `interface ${port.toLowerCase()}`);
	if (start < 0) return undefined;
	const block: string[] = [];
	for (const line of lines.slice(start + 1)) {
		if (!/^\s+\S/.test(line)) break;
		block.push(line.trim());
	}
	const textAfter = (prefix: string) => block.findLast(line => line.startsWith(prefix))?.slice(prefix.length);
	const isShut = block.findLast(line => line === 'shutdown' || line === 'no shutdown');
	const mode = textAfter('switchport mode ');
	// Switches without routed ports have no line that says only that it is a switchport.
	const implied = mode === undefined ? undefined : 'switchport';
	const isSwitchport = block.findLast(line => line === 'switchport' || line === 'no switchport') ?? implied;
	if (isShut === undefined || isSwitchport === undefined) return undefined;
	const none = { access: 1, voice: null, native: 1, allowed: [] };
	const common = {
		isShut: isShut === 'shutdown',
		isSwitchport: isSwitchport === 'switchport',
		channel: textAfter('channel-group ') ?? null,
	};
	if (!common.isSwitchport) return { ...common, ...none, mode: 'routed' };
	const access = vlanOf(textAfter('switchport access vlan '));
	const native = vlanOf(textAfter('switchport trunk native vlan '));
	const allowed = allowedOf(block);
	if (mode === undefined || !access || !native || !allowed) return undefined;
	const voice = vlanOf(textAfter('switchport voice vlan ')) ?? null;
	return { ...common, mode, access, voice, native, allowed };
}

/** What passes a port; a text when that is nothing that hil can tell. */
export function portStateOf(config: PortConfig): PortState | string {
	const { isShut, mode, access, voice, native, allowed, channel } = config;
	if (isShut) return { native: null, tagged: [] };
	if (channel !== null) return `the port is a part of port-channel ${channel.split(' ')[0]}`;
	if (mode === 'routed') return 'the port is a routed one: make it one of layer 2 (switchport)';
	if (mode === 'access') return { native: access, tagged: voice === null ? [] : [voice] };
	if (mode !== 'trunk') return `the port is of mode ${mode}: hil has access and trunk ports only`;
	return {
		native: allowed.includes(native) ? native : null,
		tagged: allowed.filter(vlan => vlan !== native),
	};
}

const vlanOf = (text: string | undefined): number | undefined =>
	text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : undefined;

/** Long lists go on in further lines: `switchport trunk allowed vlan add …`. */
function allowedOf(block: readonly string[]): number[] | undefined {
	const found = block.flatMap(line => {
		const match = /^switchport trunk allowed vlan (?:add )?(.+)$/.exec(line);
		return match?.[1] === undefined ? [] : [match[1]];
	});
	if (found.length === 0) return undefined;
	const all = new Set<number>();
	for (const text of found) {
		const vlans = parseVlanRanges(text);
		if (!vlans) return undefined;
		for (const vlan of vlans) all.add(vlan);
	}
	return [...all].sort((a, b) => a - b);
}
