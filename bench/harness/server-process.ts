import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A server of a benchmark in a process of its own. */
export interface ServerProcess<Ready> {
	/** What it said when it was ready: the JSON line that it printed; `pid` in it is the process to measure instead. */
	readonly ready: Ready;
	/** Processor time that it and its children have used so far, in microseconds; NaN where there is no /proc. */
	cpuTime(): number;
	/** Memory that it and its children hold in RAM, in bytes; NaN where there is no /proc. */
	residentMemory(): number;
	close(): Promise<void>;
}

export interface StartOptions {
	/** The only processor core that it, and what it starts, may use; any when absent. */
	readonly core?: number | undefined;
}

/**
 * Starts `bench/servers/<name>.ts`, hands it `options` over standard input (not over the command line: they
 * hold keys and passwords), and waits for its JSON line. It must end when its standard input does, so that it
 * does not outlive us whatever happens.
 */
export async function startServer<Ready>(
	name: string,
	options: unknown,
	{ core }: StartOptions = {},
): Promise<ServerProcess<Ready>> {
	const file = fileURLToPath(new URL(`../servers/${name}.ts`, import.meta.url));
	const command = [process.execPath, '--disable-warning=ExperimentalWarning', file];
	const [program = '', ...args] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
	const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
	const exited = once(child, 'exit');
	child.stdin.on('error', () => {}); // it has gone; the exit says so
	child.stdin.write(`${JSON.stringify(options)}\n`);
	const line = await Promise.race([
		once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
		exited.then(([code]) => Promise.reject(new Error(`bench/servers/${name}.ts ended with ${code}`))),
	]);
	const ready = JSON.parse(line) as Ready & { readonly pid?: number };
	const measured = ready.pid ?? child.pid;
	return {
		ready,
		cpuTime: () => sum(treeOf(measured), cpuTimeOf),
		residentMemory: () => sum(treeOf(measured), residentMemoryOf),
		async close() {
			child.stdin.end();
			const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
			await exited;
			clearTimeout(timer);
		},
	};
}

/** The process and all its descendants. */
function treeOf(pid: number | undefined): number[] {
	if (pid === undefined) return [];
	const children = read(`/proc/${pid}/task/${pid}/children`).trim();
	return [pid, ...(children === '' ? [] : children.split(' ').flatMap(child => treeOf(Number(child))))];
}

/** user and system time of the process, from /proc, in its ticks of 10 ms. */
function cpuTimeOf(pid: number): number {
	const stat = read(`/proc/${pid}/stat`);
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const residentMemoryOf = (pid: number): number =>
	Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1]) * 1024;

function read(file: string): string {
	try {
		return readFileSync(file, 'utf8');
	} catch {
		return '';
	}
}

const sum = (pids: readonly number[], measure: (pid: number) => number): number =>
	pids.reduce((total, pid) => total + measure(pid), 0);
