import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findProgram } from '../../../common/processes/programs.ts';

/** Takes off what a storage daemon that was killed has left mounted in a folder: nobody can read or replace it otherwise. */
export async function unmountStale(folder: string): Promise<void> {
	// Without Linux there is nothing of the kind.
	const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
	// proc(5): blanks and the like are written as octal numbers.
	const points = mounts
		.split('\n')
		.map(line => line.split(' ')[1] ?? '')
		.map(point =>
			point.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
		)
		.filter(point => point.startsWith(`${folder}/`));
	if (points.length === 0) return;
	const umount = await findProgram('umount');
	for (const point of points) await promisify(execFile)(umount, ['--lazy', point]);
}
