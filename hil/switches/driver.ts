import { vlanRanges } from '../../common/vlan-ranges.ts';
import type { PortState } from '../core/actions.ts';
import type { SwitchKind } from '../model/switch-kind.ts';

/**
 * One switch, spoken to by one worker: never two calls at once. What goes wrong is SwitchAway (no answer: worth
 * another try) or SwitchRefused (it said no). A call whose signal is aborted ends, and changes nothing from then on.
 */
export interface SwitchDriver {
	/** What the port carries, as the switch itself says now. */
	readPort(port: string, signal: AbortSignal): Promise<PortState>;
	/** Milliseconds that a change may take on a switch that needs longer than others. */
	readonly patience?: number;
	/** Makes the port carry exactly that and nothing else; the same again changes nothing. */
	setPort(port: string, wanted: PortState, signal: AbortSignal): Promise<void>;
	/**
	 * Makes what was set outlast a restart of the switch. Absent where it does anyway. Called when the switch has had
	 * no change for a while: it may take many seconds.
	 */
	save?(signal: AbortSignal): Promise<void>;
	/** Ends what connections there are. */
	close(): Promise<void>;
}

/** By what the site knows its switches: nothing else is believed on the way to one. */
export interface SwitchTrust {
	/** Certificates that sign the switches', PEM; without it, those that Node.js comes with. */
	readonly ca: string | undefined;
	/** OpenSSH's known_hosts, as text; without it, no switch is spoken to over SSH. */
	readonly knownHosts: string | undefined;
}

export type Settings = Readonly<Record<string, unknown>>;

/** A kind of switch with its driver. `settings` holds the secrets as well. */
export interface SwitchType extends SwitchKind {
	open(settings: Settings): SwitchDriver;
}

export const isSameState = (a: PortState, b: PortState): boolean =>
	a.native === b.native &&
	a.tagged.length === b.tagged.length &&
	a.tagged.every(vlan => b.tagged.includes(vlan));

/** For messages: `untagged 5, tagged 10 and 11`. */
export function describeState({ native, tagged }: PortState): string {
	const parts = [
		...(native === null ? [] : [`untagged ${native}`]),
		...(tagged.length === 0 ? [] : [`tagged ${vlanRanges(tagged).join(' and ')}`]),
	];
	return parts.join(', ') || 'nothing';
}
