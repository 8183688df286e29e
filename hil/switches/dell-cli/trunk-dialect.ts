import type { PortState } from '../../core/actions.ts';
import { hilErrors } from '../../errors.ts';
import type { Command, CommandLine } from '../command-line/command-line.ts';
import type { Dialect } from '../command-line/dialect.ts';
import { formatVlanRanges } from '../vlan-ranges.ts';
import { parseIsShut, parseTrunkPort, parseVlanTable, type TrunkPort } from './trunk-port.ts';

/** What PowerConnect and N-Series do alike, of a dialect: ports are trunks, and trunks have a list of VLANs. */
type Shared = Pick<Dialect<TrunkPort>, 'pager' | 'isRefusal' | 'read' | 'isShut'>;

/** Behind the sign stands a blank; where none does, as in `%LINK-I-Up`, it is the log. */
const refusal =
	/^\s*(?:% |error\b|invalid\b|an invalid\b|incorrect\b|could not\b|unable to\b|failed\b|failure\b|bad\b)/i;

/** `highest`: what `All` goes up to. */
export const trunkDialect = (highest: number): Shared => ({
	pager: /^\s*(?:--\s?More\s?--|More: <space>)/i,
	isRefusal: line => refusal.test(line),
	async read(line, name, signal) {
		const show = async (what: string): Promise<readonly string[]> =>
			line.run({ text: `show interfaces ${what} ${name}`, leaves: /^#$/ }, signal);
		const isShut = parseIsShut(name, await show('configuration'));
		const switchport = isShut === undefined ? [] : await show('switchport');
		const port = isShut === undefined ? undefined : parseTrunkPort(name, switchport, { isShut, highest });
		if (port) return port;
		throw hilErrors.SwitchAway(`what the switch shows of port ${name} is not what such a switch shows`);
	},
	isShut: port => port.isShut,
});

export const vlansOf = ({ native, tagged }: PortState): number[] =>
	(native === null ? [] : [native]).concat(tagged);

/** Those of the VLANs that the switch does not have. That a port is allowed one does not say that it is there. */
export async function missingVlans(
	line: CommandLine,
	vlans: readonly number[],
	signal: AbortSignal,
): Promise<readonly number[]> {
	if (vlans.length === 0) return [];
	const known = parseVlanTable(await line.run({ text: 'show vlan', leaves: /^#$/ }, signal));
	// There is always one: a table without any is none.
	if (known.size === 0) throw hilErrors.SwitchAway('what the switch shows as its VLANs is no table of VLANs');
	return vlans.filter(vlan => !known.has(vlan));
}

/** So that no line is longer than the narrowest terminal. */
const longestList = 30;

/** `switchport trunk allowed vlan add …`, in as many commands as it takes. */
export function allowedVlans(how: 'add' | 'remove', vlans: readonly number[]): string[] {
	const lists: string[] = [];
	for (const range of vlans.length === 0 ? [] : formatVlanRanges(vlans).split(',')) {
		const last = lists.at(-1);
		if (last !== undefined && last.length + range.length < longestList)
			lists[lists.length - 1] = `${last},${range}`;
		else lists.push(range);
	}
	return lists.map(list => `switchport trunk allowed vlan ${how} ${list}`);
}

export const inConfig = /^\(config\)#$/;

/** Commands within the configuration, with the way there and back. */
export const configuring = (commands: readonly Command[]): readonly Command[] => [
	{ text: 'configure', leaves: inConfig },
	...commands,
	{ text: 'end', leaves: /^#$/ },
];

/** Commands within an interface; none for none. `leaves`: its mode. */
export const within = (name: string, leaves: RegExp, texts: readonly string[]): readonly Command[] =>
	texts.length === 0 ? [] : configuring([`interface ${name}`, ...texts].map(text => ({ text, leaves })));
