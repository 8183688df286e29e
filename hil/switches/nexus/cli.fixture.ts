import type { PortState } from '../../core/actions.ts';
import { formatVlanRanges, parseVlanRanges } from '../vlan-ranges.ts';

export interface NxPort {
	isShut: boolean;
	isSwitchport: boolean;
	mode: string;
	access: number;
	voice: number | null;
	native: number;
	allowed: number[];
	channel: string | null;
}

export interface NxCli {
	readonly ports: ReadonlyMap<string, NxPort>;
	readonly vlans: Set<number>;
	run(command: string): { readonly text: string; readonly isError: boolean };
	carries(port: string): PortState;
	restart(): void;
}

const everyVlan = Array.from({ length: 4094 }, (_, index) => index + 1);
/** Cisco Nexus 9000 Series NX-OS Layer 2 Switching Configuration Guide, "VLAN Ranges". */
export const isReserved = (vlan: number): boolean => vlan >= 3968;

/** As `system default switchport` with `system default switchport shutdown` has ports. */
const freshPort = (): NxPort => ({
	isShut: true,
	isSwitchport: true,
	mode: 'access',
	access: 1,
	voice: null,
	native: 1,
	allowed: everyVlan,
	channel: null,
});

type Mode =
	| { readonly kind: 'exec' | 'config' | 'vlan' }
	| { readonly kind: 'interface'; readonly port: string };

/** The command line of NX-OS 9.3, full words only, as far as ports and VLANs go. */
export function createNxCli(onChange: (port: string, command: string) => void): NxCli {
	const names = ['Ethernet1/1', 'Ethernet1/2', 'Ethernet1/3', 'Ethernet1/4'];
	const ports = new Map(names.map(name => [name, freshPort()]));
	const vlans = new Set([1]);
	let startup = JSON.stringify({ ports: [...ports], vlans: [...vlans] });
	/** NX-API keeps a session for each user and address, and with it the mode that the last request left it in. */
	let mode: Mode = { kind: 'exec' };

	const ok = (text = '') => ({ text, isError: false });
	const error = (text: string) => ({ text, isError: true });
	const invalid = () => error("% Invalid command at '^' marker.\n");
	const badRange = () => error("% Invalid value/range at '^' marker.\n");

	function run(command: string) {
		const words = command.trim().split(/\s+/);
		const line = words.join(' ');
		if (line === 'configure terminal') {
			mode = { kind: 'config' };
			return ok();
		}
		if (line === 'copy running-config startup-config') {
			startup = JSON.stringify({ ports: [...ports], vlans: [...vlans] });
			return ok('[#                       ]   1%\r[########################] 100%\nCopy complete.\n');
		}
		if (line.startsWith('show ')) return show(line);
		if (mode.kind === 'exec') return invalid();
		if (words[0] === 'interface') return enterInterface(words.slice(1).join(''));
		if (words[0] === 'vlan') return makeVlans(words.slice(1).join(' '));
		if (mode.kind !== 'interface') return invalid();
		const port = ports.get(mode.port);
		const refusal = port ? change(port, line) : 'no such port';
		if (refusal !== undefined) return error(refusal);
		onChange(mode.port, line);
		return ok();
	}

	function enterInterface(given: string) {
		const found = names.find(name => name.toLowerCase() === given.toLowerCase());
		if (!found) return error("                         ^\n% Invalid interface format at '^' marker.\n");
		mode = { kind: 'interface', port: found };
		return ok();
	}

	function makeVlans(text: string) {
		const made = parseVlanRanges(text);
		if (!made || made.length === 0 || made.some(vlan => vlan > 4094)) return badRange();
		const reserved = made.filter(isReserved);
		if (reserved.length > 0)
			return error(`ERROR: VLAN ${formatVlanRanges(reserved)} is reserved for internal use\n`);
		for (const vlan of made) vlans.add(vlan);
		mode = { kind: 'vlan' };
		return ok();
	}

	/** @returns what the switch says when it refuses */
	function change(port: NxPort, line: string): string | undefined {
		if (/^(no )?shutdown$/.test(line)) {
			port.isShut = line === 'shutdown';
			return undefined;
		}
		if (line === 'switchport' || line === 'no switchport') {
			Object.assign(port, freshPort(), { isShut: port.isShut, isSwitchport: line === 'switchport' });
			return undefined;
		}
		const [, keyword = '', value = ''] =
			/^switchport (mode|access vlan|voice vlan|trunk native vlan|trunk allowed vlan) (.+)$/.exec(line) ?? [];
		if (keyword === '') return "% Invalid command at '^' marker.\n";
		if (!port.isSwitchport) return 'ERROR: Ethernet interface is not a switchport\n';
		if (port.channel !== null) return 'ERROR: command failed: port is a member of a port-channel\n';
		if (keyword === 'mode') {
			if (!/^(access|trunk|dot1q-tunnel|fex-fabric)$/.test(value))
				return "% Invalid command at '^' marker.\n";
			port.mode = value;
			return undefined;
		}
		if (keyword === 'trunk allowed vlan') return allow(port, value);
		const vlan = /^\d{1,4}$/.test(value) ? Number(value) : 0;
		if (vlan < 1 || vlan > 4094) return "% Invalid value/range at '^' marker.\n";
		if (isReserved(vlan)) return `ERROR: VLAN ${vlan} is reserved for internal use\n`;
		if (keyword === 'access vlan') port.access = vlan;
		else if (keyword === 'voice vlan') port.voice = vlan;
		else port.native = vlan;
		return undefined;
	}

	function allow(port: NxPort, value: string): string | undefined {
		const [, verb, list = ''] = /^(?:(add|remove|except) )?([\d,\-\s]+|none|all)$/.exec(value) ?? [];
		const given = list === 'all' ? everyVlan : parseVlanRanges(list);
		if (!given || list === '' || verb === 'except') return "% Invalid command at '^' marker.\n";
		if (given.some(vlan => vlan > 4094)) return "% Invalid value/range at '^' marker.\n";
		if (list !== 'all' && given.some(isReserved)) return 'ERROR: VLAN is reserved for internal use\n';
		const next = new Set(verb === undefined ? given : port.allowed);
		for (const vlan of given)
			if (verb === 'remove') next.delete(vlan);
			else next.add(vlan);
		port.allowed = [...next].sort((a, b) => a - b);
		return undefined;
	}

	function show(line: string) {
		const [, given] = /^show running-config interface (\S+) all$/.exec(line) ?? [];
		if (given === undefined) return invalid();
		const name = names.find(each => each.toLowerCase() === given.toLowerCase());
		const port = name === undefined ? undefined : ports.get(name);
		if (!port)
			return error("                                     ^\n% Invalid interface format at '^' marker.\n");
		const settings = port.isSwitchport
			? [
					'switchport',
					`switchport mode ${port.mode}`,
					'no switchport block unicast',
					`switchport access vlan ${port.access}`,
					...(port.voice === null ? [] : [`switchport voice vlan ${port.voice}`]),
					`switchport trunk native vlan ${port.native}`,
					...allowedLines(port.allowed),
				]
			: ['no switchport', 'no ip redirects'];
		const lines = [
			'no description',
			'lldp transmit',
			...settings,
			'spanning-tree port type normal',
			'no shutdown lan',
			...(port.channel === null ? [] : [`channel-group ${port.channel}`]),
			port.isShut ? 'shutdown' : 'no shutdown',
		];
		return ok(
			`\n!Command: ${line}\n!Running configuration last done at: Tue Nov 17 10:11:12 2020\n!Time: Tue Nov 17 10:12:13 2020\n\nversion 9.3(5) Bios:version 07.67 \n\ninterface ${name}\n${lines.map(each => `  ${each}\n`).join('')}\n`,
		);
	}

	return {
		ports,
		vlans,
		run,
		carries(name) {
			const port = ports.get(name);
			if (!port || port.isShut || !port.isSwitchport) return { native: null, tagged: [] };
			const passes = (vlan: number) => vlans.has(vlan) && !isReserved(vlan);
			if (port.mode === 'access') {
				const voice = port.voice !== null && passes(port.voice) ? [port.voice] : [];
				return { native: passes(port.access) ? port.access : null, tagged: voice };
			}
			const allowed = port.allowed.filter(passes);
			return {
				native: allowed.includes(port.native) ? port.native : null,
				tagged: allowed.filter(vlan => vlan !== port.native),
			};
		},
		restart() {
			const kept = JSON.parse(startup) as { ports: [string, NxPort][]; vlans: number[] };
			for (const [name, port] of kept.ports) ports.set(name, port);
			vlans.clear();
			for (const vlan of kept.vlans) vlans.add(vlan);
			mode = { kind: 'exec' };
		},
	};
}

/** Long lists are shown in several lines. */
function allowedLines(allowed: readonly number[]): string[] {
	if (allowed.length === 0) return ['switchport trunk allowed vlan none'];
	const parts = formatVlanRanges(allowed).split(',');
	const lines: string[] = [];
	for (let at = 0; at < parts.length; at += 4) {
		const list = parts.slice(at, at + 4).join(',');
		lines.push(`switchport trunk allowed vlan ${at === 0 ? '' : 'add '}${list}`);
	}
	return lines;
}
