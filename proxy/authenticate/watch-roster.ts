import type { Clock } from '../../common/clock.ts';
import { readConfig } from '../../common/config/read-config.ts';
import { watchFile } from '../../common/config/watch-file.ts';
import { createRoster, type Roster, rosterFile } from './roster.ts';

export interface RosterWatch {
	/** operators.yaml */
	readonly file: string;
	readonly parties: readonly string[];
	readonly clock: Clock;
	onChange(roster: Roster): void;
	/** The change was refused; the last good roster goes on. */
	onProblems(error: unknown): void;
}

export interface WatchedRoster {
	current(): Roster;
	/** Reads the file now and tells the outcome. Never throws. */
	reload(): void;
	close(): void;
}

/**
 * Takes the operators of a file and follows its changes: who is removed or disabled is out at once, with
 * sessions and approvals. A file with a mistake changes nothing, so that nobody locks everybody out.
 * @throws ConfigError when the file is bad at the start
 */
export function watchRoster({ file, parties, clock, onChange, onProblems }: RosterWatch): WatchedRoster {
	const read = (): Roster => createRoster(readConfig({ file, schema: rosterFile }).operators, parties);
	let roster = read();
	const reload = (): void => {
		try {
			roster = read();
		} catch (error) {
			onProblems(error);
			return;
		}
		onChange(roster);
	};
	const watcher = watchFile({ file, clock, onChange: reload });
	return { current: () => roster, reload, close: watcher.close };
}
