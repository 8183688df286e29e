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
			seconds += childTime(pid);
		} catch {
			// It has ended meanwhile.
		}
	}
	return seconds;
}

/** The same of one process. Throws when it has ended. */
export function childTime(pid: number): number {
	const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** Seconds for which the machine's processors have worked since its start, for whomever: `cpu` of /proc/stat (proc(5)). */
export function machineTime(stat = readFileSync('/proc/stat', 'latin1')): number {
	const [, line = ''] = /^cpu +(.*)$/m.exec(stat) ?? [];
	// What guests take is in the first two already.
	const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
	return (user + nice + system + irq + softirq + steal) / ticks;
}

/**
 * Seconds that processors need for `used` seconds of work, where others worked for `others` seconds of the `wall` that it took:
 * what those have had was not there for us.
 */
export function timeExplained(of: {
	readonly used: number;
	readonly others: number;
	readonly wall: number;
	readonly processors: number;
}): number {
	const { used, others, wall, processors } = of;
	return used / (processors - Math.max(0, others) / wall);
}
