import { PassThrough } from 'node:stream';
import { FakeClock } from '../common/clock.ts';
import type { CliContext } from './context.ts';
import { run } from './run.ts';

export interface Ran {
	readonly code: number;
	readonly out: string;
	readonly err: string;
}

export interface Terminal {
	readonly context: CliContext;
	readonly clock: FakeClock;
	readonly interrupt: AbortController;
	/** What was asked to be typed, on a terminal or piped. */
	readonly stdin: PassThrough;
	/** Runs one command line and gives what it printed. */
	run(...argv: string[]): Promise<Ran>;
}

/** Sleeps pass at once; the transport's long time-outs do not. */
class QuickClock extends FakeClock {
	override after(ms: number, fn: () => void): () => void {
		const cancel = super.after(ms, fn);
		if (ms <= 60_000) setImmediate(() => this.advance(ms));
		return cancel;
	}
}

/** A terminal (or, with `tty: false`, pipes) around the CLI run in this process. */
export function createTerminal(
	options: {
		env?: Record<string, string>;
		cwd?: string;
		tty?: boolean;
		onError?: (text: string) => void;
	} = {},
): Terminal {
	const isTTY = options.tty ?? false;
	const stdin = Object.assign(new PassThrough(), { isTTY });
	const clock = new QuickClock(Date.parse('2026-01-01T00:02:00Z'));
	const interrupt = new AbortController();
	let printed = { out: '', err: '' };
	const sink = (name: 'out' | 'err') => {
		const stream = Object.assign(new PassThrough(), { isTTY, columns: 120 });
		stream.on('data', chunk => {
			printed[name] += chunk;
			if (name === 'err') options.onError?.(printed.err);
		});
		return stream;
	};
	const cwd = options.cwd ?? '/nonexistent';
	const context: CliContext = {
		stdin,
		stdout: sink('out'),
		stderr: sink('err'),
		// Whoever runs the tests may be logged in somewhere.
		env: { TERM: 'xterm', HOME: cwd, ...options.env },
		cwd,
		clock,
		interruption: () => interrupt.signal,
	};
	return {
		context,
		clock,
		interrupt,
		stdin,
		async run(...argv) {
			printed = { out: '', err: '' };
			const code = await run(argv, context);
			await new Promise(resolve => setImmediate(resolve));
			return { code, ...printed };
		},
	};
}
