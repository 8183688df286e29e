import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export interface CommandResult {
	/** Exit code; null when a signal ended it. */
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	/** It took longer than it may, and was killed. */
	readonly timedOut: boolean;
	/** Processes that it started and did not end, as `pid command`. They have been killed. */
	readonly leftBehind: readonly string[];
}

export interface CommandOptions {
	readonly cwd: string;
	readonly env?: NodeJS.ProcessEnv;
	/** Called for each line of standard output, and of standard error unless onErrorLine is there. */
	readonly onLine: (line: string) => void;
	readonly onErrorLine?: (line: string) => void;
	/** Milliseconds. */
	readonly timeLimit: number;
	/** When it fires, the command gets a SIGINT, and a SIGKILL if it is still there 8 seconds later. */
	readonly stop: AbortSignal;
}

/**
 * Runs a command in a process group of its own, so that everything that it started can be found and ended.
 * Rejects when it cannot be started.
 */
export async function runCommand(
	command: string,
	args: readonly string[],
	options: CommandOptions,
): Promise<CommandResult> {
	const child = spawn(command, args, {
		cwd: options.cwd,
		env: options.env ?? process.env,
		stdio: ['ignore', 'pipe', 'pipe'],
		detached: true,
	});
	const group = child.pid;
	const readers = [createInterface(child.stdout), createInterface(child.stderr)] as const;
	readers[0].on('line', options.onLine);
	readers[1].on('line', options.onErrorLine ?? options.onLine);
	const drained = Promise.all(readers.map(reader => new Promise(done => reader.once('close', done))));

	let timedOut = false;
	const timers = new Set<NodeJS.Timeout>();
	const after = (ms: number, fn: () => void) => timers.add(setTimeout(fn, ms));
	const stop = () => {
		signalGroup(group, 'SIGINT');
		after(8_000, () => signalGroup(group, 'SIGKILL'));
	};
	options.stop.addEventListener('abort', stop, { once: true });
	if (options.stop.aborted) stop();
	after(options.timeLimit, () => {
		timedOut = true;
		signalGroup(group, 'SIGKILL');
	});
	try {
		const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
			child.once('error', reject);
			child.once('exit', (...result) => resolve(result));
		});
		// A process left behind would hold our pipes open for ever.
		await Promise.race([drained, new Promise(resolve => after(1_000, () => resolve(undefined)))]);
		const leftBehind = options.stop.aborted || timedOut ? [] : groupMembers(group);
		signalGroup(group, 'SIGKILL');
		await drained;
		return { code, signal, timedOut, leftBehind };
	} finally {
		options.stop.removeEventListener('abort', stop);
		for (const timer of timers) clearTimeout(timer);
	}
}

function signalGroup(group: number | undefined, signal: NodeJS.Signals): void {
	if (group === undefined) return;
	try {
		process.kill(-group, signal);
	} catch {
		// Nobody is left.
	}
}

/** What still runs in the process group. Linux only; elsewhere nothing is found. */
function groupMembers(group: number | undefined): string[] {
	const members: string[] = [];
	for (const entry of process.platform === 'linux' ? readdirSync('/proc') : []) {
		if (!/^\d+$/.test(entry)) continue;
		try {
			const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
			// pid (command) state ppid pgrp …; the command may hold spaces and parentheses
			const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			if (Number(pgrp) !== group || state === 'Z') continue;
			const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').join(' ').trim();
			members.push(`${entry} ${command.slice(0, 120)}`);
		} catch {
			// Ended meanwhile.
		}
	}
	return members;
}
