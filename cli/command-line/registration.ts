import type { CliContext } from '../context.ts';

/** What each group of commands is given to add itself to the program. */
export interface Registration {
	readonly context: CliContext;
	/** Wraps what a command does: its result becomes the exit code. */
	readonly run: <A extends unknown[]>(work: (...args: A) => Promise<number>) => (...args: A) => Promise<void>;
}
