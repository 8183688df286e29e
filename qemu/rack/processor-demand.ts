import { readdirSync, readFileSync } from 'node:fs';

/**
 * Seconds since its start that a process has run on a processor or has waited for one, over all its threads; 0 when it
 * is gone. What it used alone would make a process that others keep from running look like one that idles
 * (Documentation/scheduler/sched-stats.rst, /proc/pid/schedstat: nanoseconds on the processor, then on a run queue).
 */
export function processorDemand(pid: number): number {
	const folder = `/proc/${pid}/task`;
	return namesIn(folder).reduce((sum, thread) => {
		const [ran = 0, waited = 0] = read(`${folder}/${thread}/schedstat`).split(' ').map(Number);
		return sum + (ran + waited) / 1e9;
	}, 0);
}

function namesIn(folder: string): string[] {
	try {
		return readdirSync(folder);
	} catch {
		return [];
	}
}

function read(file: string): string {
	try {
		return readFileSync(file, 'latin1');
	} catch {
		// A thread that has ended meanwhile.
		return '0 0';
	}
}
