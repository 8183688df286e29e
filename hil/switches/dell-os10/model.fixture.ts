import { z } from 'zod';
import type { PortState } from '../../core/actions.ts';

export interface Os10Port {
	enabled: boolean;
	/** MODE_L2 (access) when absent. */
	mode?: string | undefined;
}

interface Vlan {
	readonly untagged: Set<string>;
	readonly tagged: Set<string>;
}

export interface Os10Config {
	readonly ports: Map<string, Os10Port>;
	readonly vlans: Map<number, Vlan>;
	/** Port-channels and their members. */
	readonly channels: Map<string, readonly string[]>;
}

/** OS10 User Guide, "VLAN": 4094 is its own. */
export const isVlan = (vlan: number): boolean => vlan >= 1 && vlan <= 4093;

/** An error of RFC 8040 section 7. */
export class Refusal extends Error {
	readonly status: number;
	readonly tag: string;
	constructor(status: number, tag: string, message: string) {
		super(message);
		this.status = status;
		this.tag = tag;
	}
}
export const refuse = (status: number, tag: string, message: string): never => {
	throw new Refusal(status, tag, message);
};

const ports = z.array(z.string()).optional();
export const entry = z.strictObject({
	name: z.string(),
	type: z.string().optional(),
	enabled: z.boolean().optional(),
	'dell-interface:mode': z.string().optional(),
	'dell-interface:untagged-ports': ports,
	'dell-interface:tagged-ports': ports,
});
type Entry = z.output<typeof entry>;

export const cloneOf = ({ ports: all, vlans, channels }: Os10Config): Os10Config => ({
	ports: new Map([...all].map(([name, port]) => [name, { ...port }])),
	vlans: new Map(
		[...vlans].map(([id, { untagged, tagged }]) => [
			id,
			{ untagged: new Set(untagged), tagged: new Set(tagged) },
		]),
	),
	channels: new Map(channels),
});

export interface Os10Model {
	readonly config: Os10Config;
	/** Becomes what another configuration says. */
	become(other: Os10Config): void;
	/** Merges one interface, as a PATCH does. @throws Refusal */
	merge(given: Entry): void;
	/** Takes a port out of a VLAN. @throws Refusal */
	leave(id: number, list: keyof Vlan, name: string): void;
	/** As GET shows them. */
	listAll(): object[];
	carries(port: string): PortState;
}

export function createOs10Model(names: readonly string[]): Os10Model {
	const config: Os10Config = {
		ports: new Map(names.map(name => [name, { enabled: false }])),
		vlans: new Map([[1, { untagged: new Set(names), tagged: new Set<string>() }]]),
		channels: new Map(),
	};
	const become = (other: Os10Config): void => {
		for (const key of ['ports', 'vlans', 'channels'] as const) {
			const map: Map<unknown, unknown> = config[key];
			map.clear();
			for (const [name, value] of other[key]) map.set(name, value);
		}
	};

	function carries(name: string): PortState {
		const port = config.ports.get(name);
		if (!port?.enabled || port.mode === 'MODE_L2DISABLED') return { native: null, tagged: [] };
		const isIn = (list: keyof Vlan) =>
			[...config.vlans].filter(([, vlan]) => vlan[list].has(name)).map(([id]) => id);
		const tagged = port.mode === 'MODE_L2HYBRID' ? isIn('tagged').sort((a, b) => a - b) : [];
		return { native: isIn('untagged')[0] ?? null, tagged };
	}
	function merge(given: z.output<typeof entry>): void {
		const vlan = /^vlan(\d+)$/.exec(given.name)?.[1];
		if (vlan !== undefined) {
			mergeVlan(Number(vlan), given);
			return;
		}
		const port = config.ports.get(given.name);
		if (!port) return void refuse(400, 'invalid-value', `% Error: Interface ${given.name} does not exist`);
		if (given['dell-interface:tagged-ports'] || given['dell-interface:untagged-ports'])
			refuse(400, 'unknown-element', 'ports of what is no VLAN');
		if (given.type !== undefined && given.type !== 'iana-if-type:ethernetCsmacd')
			refuse(400, 'invalid-value', 'the type of an interface cannot be changed');
		const mode = given['dell-interface:mode'];
		if (mode !== undefined && mode !== 'MODE_L2HYBRID') refuse(400, 'invalid-value', `mode ${mode}`);
		if (given.enabled !== undefined) port.enabled = given.enabled;
		if (mode !== undefined) port.mode = mode;
	}

	function mergeVlan(id: number, given: z.output<typeof entry>): void {
		if (!isVlan(id)) refuse(400, 'invalid-value', `% Error: VLAN ${id} is out of range 1 to 4093`);
		if (given['dell-interface:mode'] !== undefined) refuse(400, 'unknown-element', 'mode of a VLAN');
		const known = config.vlans.get(id);
		if (!known && given.type !== 'iana-if-type:l2vlan')
			refuse(400, 'missing-attribute', 'mandatory leaf type is missing');
		const vlan = known ?? { untagged: new Set<string>(), tagged: new Set<string>() };
		config.vlans.set(id, vlan);
		for (const name of given['dell-interface:tagged-ports'] ?? []) {
			const port = config.ports.get(name);
			if (!port) refuse(400, 'invalid-value', `% Error: Interface ${name} does not exist`);
			if (port?.mode !== 'MODE_L2HYBRID')
				refuse(409, 'operation-failed', `% Error: ${name} is not in trunk mode`);
			if (vlan.tagged.has(name)) refuse(409, 'data-exists', 'entry exists');
			if (vlan.untagged.has(name))
				refuse(409, 'operation-failed', `% Error: ${name} is an untagged member of VLAN ${id}`);
			vlan.tagged.add(name);
		}
		for (const name of given['dell-interface:untagged-ports'] ?? []) {
			if (!config.ports.has(name)) refuse(400, 'invalid-value', `% Error: Interface ${name} does not exist`);
			if (vlan.tagged.has(name))
				refuse(409, 'operation-failed', `% Error: ${name} is a tagged member of VLAN ${id}`);
			for (const other of config.vlans.values()) other.untagged.delete(name);
			vlan.untagged.add(name);
		}
	}

	function leave(id: number, list: keyof Vlan, name: string): void {
		const vlan = config.vlans.get(id);
		if (!vlan?.[list].delete(name)) refuse(404, 'data-missing', 'Data resource does not exist');
		// Access ports are always in some VLAN.
		if (list === 'untagged' && config.ports.get(name)?.mode === undefined)
			config.vlans.get(1)?.untagged.add(name);
	}

	const listAll = (): object[] => [
		...[...config.ports].map(([name, { enabled, mode }]) => ({
			name,
			type: 'iana-if-type:ethernetCsmacd',
			enabled,
			...(mode !== undefined && { 'dell-interface:mode': mode }),
			'dell-interface:mtu': 1532,
		})),
		...[...config.vlans].map(([id, { untagged, tagged }]) => ({
			name: `vlan${id}`,
			type: 'iana-if-type:l2vlan',
			enabled: true,
			...(untagged.size > 0 && { 'dell-interface:untagged-ports': [...untagged] }),
			...(tagged.size > 0 && { 'dell-interface:tagged-ports': [...tagged] }),
		})),
		...[...config.channels].map(([name, members]) => ({
			name,
			type: 'iana-if-type:ieee8023adLag',
			enabled: true,
			'dell-interface:member-ports': members.map(member => ({ name: member, 'lacp-mode': 'ACTIVE' })),
		})),
		{ name: 'mgmt1/1/1', type: 'dell-base-interface-common:management', enabled: true },
		{ name: 'null0', type: 'dell-base-interface-common:null' },
	];

	return { config, become, merge, leave, listAll, carries };
}
