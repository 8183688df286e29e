import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** A service of a site file in a process of its own, which can be told at which moment it dies. */
export interface ChildService<To, From extends { readonly kind: string }> {
	/** Sends a message, if one is given, and waits for the answer; undefined when it was killed. Throws when it ended otherwise. */
	ask<K extends From['kind']>(
		message: To | undefined,
		kind: K,
	): Promise<Extract<From, { kind: K }> | undefined>;
	kill(signal: NodeJS.Signals): void;
	isDead(): boolean;
	/** By which signal it ended, or with which code. */
	readonly exit: Promise<NodeJS.Signals | number | null>;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

/**
 * @param program the module that runs there
 * @param args the first is the site file
 * @param killAt where it dies on the way up, as its program counts
 */
export function startChildService<To extends object, From extends { readonly kind: string }>(
	program: string,
	args: readonly [config: string, ...more: string[]],
	killAt?: number,
): ChildService<To, From> {
	const child = fork(program, [...args], {
		stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
		env: {
			...process.env,
			// It is started many times: half of its start is compiling.
			NODE_COMPILE_CACHE: path.join(path.dirname(args[0]), 'compiled'),
			...(killAt !== undefined && { BIMETAL_TEST_KILL_AT: String(killAt) }),
		},
	});
	let log = '';
	child.stderr?.setEncoding('utf8').on('data', text => {
		log += text;
	});
	let isDead = false;
	const exit = once(child, 'exit').then(([code, signal]) => {
		isDead = true;
		return (signal ?? code) as NodeJS.Signals | number | null;
	});
	return {
		async ask(message, kind) {
			const coming = Promise.race([once(child, 'message') as Promise<[From]>, exit]);
			if (message !== undefined && !isDead) child.send(message, () => undefined);
			const answer = await coming;
			if (!Array.isArray(answer)) {
				if (answer === 'SIGKILL') return undefined;
				throw new Error(`${path.basename(program)} ended with ${answer}: ${log}`);
			}
			if (answer[0].kind !== kind) throw new Error(`${answer[0].kind} instead of ${kind}`);
			return answer[0] as Extract<From, { kind: typeof kind }>;
		},
		kill: signal => void child.kill(signal),
		isDead: () => isDead,
		exit,
		async end() {
			child.kill('SIGKILL');
			await exit;
		},
	};
}
