import type { PortState } from '../../core/actions.ts';
import { hilErrors } from '../../errors.ts';
import type { Command, CommandLine } from '../command-line/command-line.ts';
import type { Dialect } from '../command-line/dialect.ts';
import {
	type Nos9Port,
	nos9PortState,
	parseDefaultVlan,
	parseNos9Interface,
	parseNos9Membership,
} from './nos9-port.ts';
import { saveFailure } from './save-failure.ts';

type Port = Nos9Port & { readonly defaultVlan: number };

const inConfig = /^\(conf\)#$/;

/** Commands of one interface or VLAN. */
interface Block {
	readonly of: string;
	/** Its mode, for instance `(conf-if-gi-1/3)#`. */
	readonly leaves: RegExp;
	readonly texts: readonly string[];
}

function configuring(blocks: readonly Block[]): readonly Command[] {
	const within = blocks.filter(({ texts }) => texts.length > 0);
	if (within.length === 0) return [];
	return [
		{ text: 'configure', leaves: inConfig },
		...within.flatMap(({ of, leaves, texts }) => [
			...[`interface ${of}`, ...texts].map(text => ({ text, leaves })),
			{ text: 'exit', leaves: inConfig },
		]),
		{ text: 'end', leaves: /^#$/ },
	];
}

const vlanBlock = (vlan: number, text: string): Block => ({
	of: `vlan ${vlan}`,
	leaves: new RegExp(`^\\(conf-if-vl-${vlan}\\)#$`),
	texts: [text],
});

/**
 * Ports of Dell Networking OS 9 (FTOS). There a port in Layer 2 mode that is in no VLAN is in the default one, so it gets
 * into that mode, and out of its last VLAN, only while it is shut. A hybrid port that has no tagged VLANs lets in frames of
 * all (Configuration Guide, section on native VLANs), so ports are hybrid only while they have both kinds.
 * `type`: as commands call such ports, for instance `GigabitEthernet`.
 */
export function nos9Dialect(type: string): Dialect<Port> {
	/** Asked once in a session: a switch takes long for its whole configuration. */
	const defaultVlans = new WeakMap<CommandLine, number>();
	const interfaceBlock = (name: string, texts: readonly string[]): Block => ({
		of: `${type} ${name}`,
		leaves: new RegExp(`^\\(conf-if-[a-z]{2,4}-${name}\\)#$`, 'i'),
		texts,
	});

	async function defaultVlanOf(line: CommandLine, signal: AbortSignal): Promise<number> {
		const known = defaultVlans.get(line);
		if (known !== undefined) return known;
		const found = await line.run({ text: 'show running-config | grep default', leaves: /^#$/ }, signal);
		const vlan = parseDefaultVlan(found);
		defaultVlans.set(line, vlan);
		return vlan;
	}

	async function read(line: CommandLine, name: string, signal: AbortSignal): Promise<Port> {
		const show = (what: string): Promise<readonly string[]> =>
			line.run({ text: `show ${what} ${type} ${name}`, leaves: /^#$/ }, signal);
		const defaultVlan = await defaultVlanOf(line, signal);
		const nonsense = hilErrors.SwitchAway(
			`what the switch shows of port ${name} is not what such a switch shows`,
		);
		const port = parseNos9Interface(`${type} ${name}`, await show('running-config interface'));
		if (!port) throw nonsense;
		if (!port.isSwitchport) return { ...port, defaultVlan, native: null, tagged: [] };
		const vlans = parseNos9Membership(`${type} ${name}`, await show('interfaces switchport'));
		if (!vlans) throw nonsense;
		return { ...port, ...vlans, defaultVlan, strange: port.strange ?? vlans.strange };
	}

	const off = (name: string, vlan: number, how: 'tagged' | 'untagged'): Block =>
		vlanBlock(vlan, `no ${how} ${type} ${name}`);
	const on = (name: string, vlan: number, how: 'tagged' | 'untagged'): Block =>
		vlanBlock(vlan, `${how} ${type} ${name}`);

	function inPlace(name: string, port: Port, { native, tagged }: PortState): readonly Command[] | undefined {
		if (!port.isSwitchport || port.native !== native || native === port.defaultVlan) return undefined;
		if (port.isHybrid !== isHybridFor({ native, tagged })) return undefined;
		// Out of its last tagged VLAN it would be in the default one, or as a hybrid one in all.
		if (!port.tagged.some(vlan => tagged.includes(vlan))) return undefined;
		return configuring([
			...port.tagged.filter(vlan => !tagged.includes(vlan)).map(vlan => off(name, vlan, 'tagged')),
			...tagged.filter(vlan => !port.tagged.includes(vlan)).map(vlan => on(name, vlan, 'tagged')),
		]);
	}

	function whileShut(name: string, port: Port, wanted: PortState): readonly Command[] {
		const { native, tagged } = wanted;
		const isNothing = native === null && tagged.length === 0;
		const isForm = port.isSwitchport === !isNothing && port.isHybrid === isHybridFor(wanted);
		const isSame =
			native === port.native &&
			tagged.length === port.tagged.length &&
			tagged.every(vlan => port.tagged.includes(vlan));
		if (isForm && isSame) return [];
		return configuring([
			...port.tagged.map(vlan => off(name, vlan, 'tagged')),
			...(port.native === null || port.native === port.defaultVlan
				? []
				: [off(name, port.native, 'untagged')]),
			interfaceBlock(name, [
				...(port.isSwitchport ? ['no switchport'] : []),
				...(port.isHybrid ? ['no portmode hybrid'] : []),
				...(isHybridFor(wanted) ? ['portmode hybrid'] : []),
				...(isNothing ? [] : ['switchport']),
			]),
			...(native === null ? [] : [on(name, native, 'untagged')]),
			...tagged.map(vlan => on(name, vlan, 'tagged')),
		]);
	}

	return {
		pager: /^\s*--More--/i,
		isRefusal: line => /^\s*% /.test(line),
		unpaged: 'terminal length 0',
		read,
		isShut: port => port.isShut,
		carries: nos9PortState,
		objection: () => undefined,
		async prepare(_line, { defaultVlan }, { native, tagged }) {
			if (native !== defaultVlan && !tagged.includes(defaultVlan)) return;
			throw hilErrors.SwitchRefused(
				`VLAN ${defaultVlan} is the default VLAN of this switch, in which ports are that are in no other: no network can have it`,
			);
		},
		inPlace,
		whileShut,
		shut: name => configuring([interfaceBlock(name, ['shutdown'])]),
		open: name => configuring([interfaceBlock(name, ['no shutdown'])]),
		save: {
			text: 'write memory',
			leaves: /^#$/,
			questions: [{ asks: /\[confirm yes\/no\]\s*:?$/i, answer: 'yes' }],
			fails: saveFailure,
		},
	};
}

const isHybridFor = ({ native, tagged }: PortState): boolean => native !== null && tagged.length > 0;
