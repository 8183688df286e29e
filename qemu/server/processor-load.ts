import { readFileSync } from 'node:fs';
import type { Clock } from '../../common/clock.ts';

/** Clock ticks a second in /proc (sysconf(_SC_CLK_TCK)), which is 100 on every Linux that Node runs on. */
const TICKS = 100;

/** How busy a process is. */
export interface ProcessorLoad {
	/** From 0 to 1: of all processors of its machine, in the time between the last two samples. */
	now(): number;
}

/** Seconds of processor time that a process has had since it was started; undefined when it is gone. */
export type ProcessorTime = (pid: number) => number | undefined;

/** proc(5), /proc/pid/stat: utime and stime, which are fields 14 and 15; the name before may hold anything. */
const processorTime: ProcessorTime = pid => {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return (Number(fields[11]) + Number(fields[12])) / TICKS;
	} catch {
		return undefined;
	}
};

/** Samples every `everyMs` milliseconds for as long as `pid` gives one. `onSample` follows each. */
export function sampleLoad(options: {
	readonly clock: Clock;
	readonly everyMs: number;
	readonly processors: number;
	pid(): number | undefined;
	onSample(): void;
	readonly time?: ProcessorTime;
}): ProcessorLoad & { stop(): void } {
	const { clock, everyMs } = options;
	const time = options.time ?? processorTime;
	let last: { pid: number; seconds: number; at: number } | undefined;
	let load = 0;
	let cancel = () => {};
	const sample = (): void => {
		cancel = clock.after(everyMs, sample);
		const pid = options.pid();
		const seconds = pid === undefined ? undefined : time(pid);
		const at = clock.elapsed();
		if (pid === undefined || seconds === undefined) {
			last = undefined;
			load = 0;
		} else {
			if (last?.pid === pid && at > last.at)
				load = Math.min(
					1,
					Math.max(0, ((seconds - last.seconds) * 1000) / (at - last.at) / options.processors),
				);
			else load = 0;
			last = { pid, seconds, at };
		}
		options.onSample();
	};
	sample();
	return { now: () => load, stop: () => cancel() };
}
