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
			env: toolEnvironment(),
		});
	} catch (cause) {
		const { stderr, message } = cause as Error & { stderr?: string };
		throw new BimetalError('GuestNotBuilt', `${program}: ${stderr?.trim() || message}`, {
			cause,
			expose: true,
		});
	}
}

/** Seconds since the epoch, 2000-01-01: when all files of an image were made, so that the same files make the same image. */
const imageTime = '946684800';

export const toolEnvironment = (): NodeJS.ProcessEnv => ({
	...process.env,
	LC_ALL: 'C',
	TZ: 'UTC',
	// mtools reads a file of the user's otherwise, and wants its disks to be a floppy's size.
	MTOOLSRC: '/dev/null',
	MTOOLS_SKIP_CHECK: '1',
	// https://reproducible-builds.org/docs/source-date-epoch/; e2fsprogs has one of its own, e2fsck(8).
	SOURCE_DATE_EPOCH: imageTime,
	E2FSPROGS_FAKE_TIME: imageTime,
});
