import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { until } from '../visitor.ts';

/** Milliseconds that a program has to end by itself. */
const patience = 20_000;

/** A program that runs until the test ends. */
export interface RunningProgram {
	/** All that it has written. */
	log(): string;
}

/** Starts a program and resolves when it is up; rejects with what it wrote when it ends before, or takes a minute. */
export async function startProgram(
	t: ExecutionContext,
	file: string,
	args: readonly string[],
	options: {
		readonly cwd?: string;
		/** Added to our environment. */
		readonly env?: Readonly<Record<string, string>>;
		readonly isUp: (log: string) => boolean | Promise<boolean>;
	},
): Promise<RunningProgram> {
	const child = spawn(file, args, {
		cwd: options.cwd,
		env: { ...process.env, ...options.env },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let hasEnded = false;
	const ended = once(child, 'close').finally(() => {
		hasEnded = true;
	});
	// Only rejected when there is no such program; then there is nothing to wait for.
	ended.catch(() => undefined);
	let said = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			said += text;
		});
	}
	t.teardown(async () => {
		child.kill('SIGTERM');
		const timer = setTimeout(() => child.kill('SIGKILL'), patience);
		await ended.catch(() => undefined);
		clearTimeout(timer);
	});
	await until(
		async () => hasEnded || (await options.isUp(said)),
		isIt => isIt,
		60,
	);
	if (hasEnded) throw new Error(`${file} ended: ${said}`);
	return { log: () => said };
}
