import { CommanderError } from 'commander';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { describeFailure, reportFailure } from './failure.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command line (`argv` without node and script) and gives its exit code. Never throws, never ends
 * the process; `up` and `proxy` return while what they started goes on.
 */
export async function run(argv: readonly string[], context: CliContext): Promise<number> {
	let exitCode = 0;
	const json = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined).includes('--json');
	try {
		const program = await createProgram(context, argv, code => {
			exitCode = code;
		});
		await program.parseAsync([...argv], { from: 'user' });
		return exitCode;
	} catch (error) {
		if (!(error instanceof CommanderError)) {
			const failure = describeFailure(error, context);
			reportFailure(context, failure, json);
			return failure.exitCode;
		}
		// Help and version were printed; anything else was a wrong command line, already explained on stderr.
		const shown = error.exitCode === 0 || error.code === 'commander.helpDisplayed';
		if (shown) return exitCodes.ok.code;
		const exit = exitCodes.usage.code;
		const document = { error: { code: 'Usage', message: error.message.replace(/^error: /, ''), exit } };
		if (json) context.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
		return exit;
	}
}
