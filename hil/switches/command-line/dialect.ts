import type { PortState } from '../../core/actions.ts';
import type { Command, CommandLine, CommandLineKind } from './command-line.ts';

/** What the ports of a line of switches are told by commands. `Port` is what a switch shows of one. */
export interface Dialect<Port> extends CommandLineKind {
	/** The command after which nothing is paged any more. */
	readonly unpaged: string;
	read(line: CommandLine, port: string, signal: AbortSignal): Promise<Port>;
	isShut(port: Port): boolean;
	/** What it carries when it is not shut; or why that cannot be told, in words. */
	carries(port: Port): PortState | string;
	/** Why the switch cannot carry that, if so. */
	objection(wanted: PortState): string | undefined;
	/** What must be there before the port is changed: VLANs. */
	prepare(line: CommandLine, port: Port, wanted: PortState, signal: AbortSignal): Promise<void>;
	/**
	 * Commands for a port that is up. After each of them it carries nothing but what it carried and what is wanted.
	 * Undefined when there are none.
	 */
	inPlace(name: string, port: Port, wanted: PortState): readonly Command[] | undefined;
	/** Commands for a port that is shut, none once it is what is wanted. They are asked for again after they were given. */
	whileShut(name: string, port: Port, wanted: PortState): readonly Command[];
	shut(name: string): readonly Command[];
	open(name: string): readonly Command[];
	readonly save: Command;
}
