import { execFile } from 'node:child_process';
import { BimetalError } from '../errors/bimetal-error.ts';
import { findProgram } from '../processes/programs.ts';

/** Milliseconds for ip(8). */
const patience = 10_000;

/**
 * Runs commands of ip(8) all in one process, in a network namespace (as nsenter(1) takes it) or, where none is given, in ours.
 * Throws NetworkRefused with ip's own words; commands before the refused one have been carried out.
 */
export async function runIp(network: string | undefined, commands: readonly string[]): Promise<void> {
	const [nsenter, program] = await Promise.all([findProgram('nsenter'), findProgram('ip')]);
	const batch = [program, '-batch', '-'];
	const [file, args]: [string, string[]] =
		network === undefined ? [program, batch.slice(1)] : [nsenter, [`--net=${network}`, '--', ...batch]];
	await new Promise<void>((resolve, reject) => {
		const child = execFile(file, args, { timeout: patience, killSignal: 'SIGKILL' }, (cause, _out, words) => {
			if (!cause) return resolve();
			const said = words.trim().replaceAll('\n', '; ') || cause.message;
			reject(new BimetalError('NetworkRefused', `ip ${commands[0]}: ${said}`, { cause }));
		});
		child.stdin?.on('error', () => undefined).end(`${commands.join('\n')}\n`);
	});
}
