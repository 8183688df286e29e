import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A small generator (mulberry32), so that a seed names the moments of the kills. */
export function random(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * Runs a TypeScript program that prints a line for each thing it has acknowledged, kills it with SIGKILL once there
 * are `enough` lines and `turns` more turns of our event loop have passed, and returns all that it printed.
 */
export async function acknowledgedBeforeKill(
	program: string,
	args: readonly string[],
	enough: number,
	turns: number,
): Promise<string[]> {
	const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = once(child, 'exit');
	const acknowledged: string[] = [];
	try {
		for await (const line of createInterface({ input: child.stdout })) {
			acknowledged.push(line);
			if (acknowledged.length !== enough) continue;
			for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve));
			child.kill('SIGKILL');
		}
	} finally {
		child.kill('SIGKILL');
		await ended;
	}
	return acknowledged;
}
