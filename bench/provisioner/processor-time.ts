import { readFileSync } from 'node:fs';
import { findChildren } from '../../common/processes/children.ts';

/** Ticks of proc(5) in a second. */
const ticks = 100;

/** Seconds of processor time that this process and all that a run has started have used, since each was started. */
export async function processorTime(run: string): Promise<number> {
	const { user, system } = process.cpuUsage();
	let seconds = (user + system) / 1e6;
	for (const { pid } of await findChildren(run)) {
		try {
			const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
			const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			seconds += (Number(fields[11]) + Number(fields[12])) / ticks;
		} catch {
			// It has ended meanwhile.
		}
	}
	return seconds;
}
