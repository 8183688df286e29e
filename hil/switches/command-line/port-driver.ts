import type { PortState } from '../../core/actions.ts';
import { hilErrors } from '../../errors.ts';
import { describeState, isSameState, type SwitchDriver } from '../driver.ts';
import { type CommandLine, give } from './command-line.ts';
import type { Dialect } from './dialect.ts';
import type { Session } from './session.ts';

const nothing: PortState = { native: null, tagged: [] };
/** How often commands are worked out anew for a port that is shut. */
const rounds = 3;

/**
 * Sets ports by commands, none of which leaves a port with more than what it had and what is wanted. Where no such
 * commands are, the port is shut first (and seen to be), and opened when it is seen to be what is wanted: so it is with
 * ports that carry nothing, and those that somebody else has set.
 */
export function openPortDriver<Port>(
	session: Session,
	dialect: Dialect<Port>,
	isPortName: (name: string) => boolean,
): SwitchDriver {
	async function setPort(
		line: CommandLine,
		name: string,
		wanted: PortState,
		signal: AbortSignal,
	): Promise<void> {
		const port = await dialect.read(line, name, signal);
		const isNothing = isSameState(wanted, nothing);
		const isRight = isSameState(carried(name, port), wanted) && isIt(dialect.carries(port), wanted);
		const isDone = isRight && dialect.isShut(port) === isNothing;
		if (isDone && isNothing) return;
		// Also for a port that is right: somebody may have taken a VLAN off the switch that the port is still allowed.
		await dialect.prepare(line, port, wanted, signal);
		if (isDone) return;
		const inPlace = isNothing || dialect.isShut(port) ? undefined : dialect.inPlace(name, port, wanted);
		if (inPlace) return give(line, inPlace, signal);
		await give(line, dialect.shut(name), signal);
		await rebuild(line, name, wanted, signal);
		if (!isNothing) await give(line, dialect.open(name), signal);
	}

	async function rebuild(
		line: CommandLine,
		name: string,
		wanted: PortState,
		signal: AbortSignal,
	): Promise<void> {
		for (let round = 0; ; round++) {
			const port = await dialect.read(line, name, signal);
			if (!dialect.isShut(port))
				throw hilErrors.SwitchDeaf(`port ${name} is not shut, although it was told to be`);
			const commands = dialect.whileShut(name, port, wanted);
			const state = dialect.carries(port);
			if (commands.length === 0 && isIt(state, wanted)) return;
			if (commands.length === 0 || round === rounds) {
				const found = typeof state === 'string' ? state : `it would carry ${describeState(state)}`;
				throw hilErrors.SwitchDeaf(
					`port ${name} does not become ${describeState(wanted)}, and stays shut: ${found}`,
				);
			}
			await give(line, commands, signal);
		}
	}

	function carried(name: string, port: Port): PortState {
		if (dialect.isShut(port)) return nothing;
		const state = dialect.carries(port);
		if (typeof state !== 'string') return state;
		throw hilErrors.SwitchRefused(`port ${name} is left as it is until somebody shuts it: ${state}`);
	}

	return {
		async readPort(name, signal) {
			check(name);
			return session.use(async line => carried(name, await dialect.read(line, name, signal)), signal);
		},
		async setPort(name, wanted, signal) {
			check(name);
			const objection = dialect.objection(wanted);
			if (objection !== undefined) throw hilErrors.SwitchRefused(objection);
			await session.use(line => setPort(line, name, wanted, signal), signal);
		},
		save: signal =>
			session.use(async line => {
				await line.run(dialect.save, signal);
			}, signal),
		close: () => session.close(),
	};

	/** What goes into a command is a port's name and nothing else. */
	function check(name: string): void {
		if (!isPortName(name)) throw hilErrors.SwitchRefused(`no port of such a switch is called ${name}`);
	}
}

const isIt = (state: PortState | string, wanted: PortState): boolean =>
	typeof state !== 'string' && isSameState(state, wanted);
