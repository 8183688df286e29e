import { readFile, readlink } from 'node:fs/promises';
import { findChildren } from '../../common/processes/children.ts';

/**
 * Bytes that a process takes of the machine's memory, what it shares with others in proportion (proc(5),
 * /proc/pid/smaps_rollup, Pss); 0 when it is gone.
 */
export async function processMemory(pid: number): Promise<number> {
	const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
	return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}

/** Bytes of all processes of a run but this one, by the folder that each runs in. */
export async function memoryByFolder(run: string): Promise<ReadonlyMap<string, number>> {
	const sums = new Map<string, number>();
	await Promise.all(
		(await findChildren(run)).map(async ({ pid }) => {
			const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
			const bytes = await processMemory(pid);
			sums.set(folder, (sums.get(folder) ?? 0) + bytes);
		}),
	);
	return sums;
}
