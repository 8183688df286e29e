import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../common/clock.ts';

/** Everything of the outside world that a command touches, so that tests can run it in their own process. */
export interface CliContext {
	readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
	/** Results only. */
	readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
	/** Progress, questions and errors. */
	readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cwd: string;
	readonly clock: Clock;
	/** From the first call on, Ctrl-C aborts the signal instead of ending the process. */
	interruption(): AbortSignal;
}

/** How the user called us, to print lines that can be pasted: `npx bimetal` or `bimetal`. */
export function commandName(context: CliContext): string {
	return context.env.npm_command === 'exec' ? 'npx bimetal' : 'bimetal';
}
