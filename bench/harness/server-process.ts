import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server of a benchmark in a process of its own. */
export interface ServerProcess<Ready> {
	/** What it said when it was ready: the JSON line that it printed. */
	readonly ready: Ready;
	/** Processor time that it has used so far, in microseconds; NaN where there is no /proc. */
	cpuTime(): number;
	close(): Promise<void>;
}

/**
 * Starts `bench/servers/<name>.ts`, hands it `options` over standard input (not over the command line: they
 * hold keys and passwords), and waits for its JSON line. It must end when its standard input does, so that it
 * does not outlive us whatever happens.
 */
export async function startServer<Ready>(name: string, options: unknown): Promise<ServerProcess<Ready>> {
	const file = fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url));
	const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], {
		stdio: ['pipe', 'pipe', 'inherit'],
	});
	const exited = once(child, 'exit');
	child.stdin.on('error', () => {}); // it has gone; the exit says so
	child.stdin.write(`${JSON.stringify(options)}\n`);
	const line = await Promise.race([
		once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
		exited.then(([code]) => Promise.reject(new Error(`bench/servers/${name}.ts ended with ${code}`))),
	]);
	return {
		ready: JSON.parse(line) as Ready,
		cpuTime: () => cpuTime(child),
		async close() {
			child.stdin.end();
			const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
			await exited;
			clearTimeout(timer);
		},
	};
}

/** user and system time of the process, from /proc, in its ticks of 10 ms. */
function cpuTime(child: ChildProcess): number {
	try {
		const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return (Number(fields[11]) + Number(fields[12])) * 10_000;
	} catch {
		return Number.NaN;
	}
}
