import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);

/** Runs a program that makes images in a folder. Throws PartMissing; GuestNotBuilt with the program's own words. */
export async function runTool(folder: string, program: string, ...args: readonly string[]): Promise<void> {
	const binary = await findProgram(program);
	try {
		await run(binary, [...args], {
			cwd: folder,
			// mtools reads a file of the user's otherwise, and wants its disks to be a floppy's size.
			env: { ...process.env, MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1', LC_ALL: 'C' },
		});
	} catch (cause) {
		const { stderr, message } = cause as Error & { stderr?: string };
		throw new BimetalError('GuestNotBuilt', `${program}: ${stderr?.trim() || message}`, {
			cause,
			expose: true,
		});
	}
}
