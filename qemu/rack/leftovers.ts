import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { endChildren } from '../../common/processes/children.ts';
import { findProgram } from '../../common/processes/programs.ts';
import type { RackFolders } from './rack-folders.ts';

/** What a rack has left behind. */
export interface Leftovers {
	/** Command lines. Taps and network namespaces are no more when these are: nothing else holds them. */
	readonly processes: readonly string[];
	/** Mount points below its run folder. */
	readonly mounts: readonly string[];
}

/** Milliseconds for umount(8). */
const patience = 10_000;

/**
 * Ends and removes what a rack has left behind that no supervisor cares for any more; its state folder stays. Returns
 * what there was. Throws ChildFailed, UnmountFailed.
 */
export async function removeLeftovers(folders: RackFolders): Promise<Leftovers> {
	const processes = (await endChildren(folders.run)).map(({ command }) => command);
	const mounts = await mountsBelow(folders.runFolder);
	// What is mounted last may lie below another one. And nothing may be deleted through a mount point.
	for (const mount of [...mounts].reverse()) await unmount(mount);
	await rm(folders.runFolder, { recursive: true, force: true });
	return { processes, mounts };
}

/** proc_pid_mountinfo(5): the fifth field, in which blanks and backslashes are octal. */
async function mountsBelow(folder: string): Promise<string[]> {
	const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
	return lines
		.map(line =>
			(line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, digits: string) =>
				String.fromCharCode(Number.parseInt(digits, 8)),
			),
		)
		.filter(point => point.startsWith(`${folder}/`));
}

async function unmount(point: string): Promise<void> {
	const program = await findProgram('umount');
	await new Promise<void>((resolve, reject) => {
		execFile(program, ['--lazy', point], { timeout: patience }, (cause, _out, words) => {
			if (!cause) return resolve();
			reject(
				new BimetalError('UnmountFailed', `umount ${point}: ${words.trim() || cause.message}`, { cause }),
			);
		});
	});
}
