import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';

/** A shell in which commands are typed one after the other, as a reader of an example would. */
export interface Terminal {
	/** What the commands have written; rejects with it when one of them fails, or after so many seconds. */
	run(commands: string, seconds?: number): Promise<string>;
}

/** Starts bash in a folder; what is still running in it when the test ends is ended. */
export function startTerminal(
	t: ExecutionContext,
	{ cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Terminal {
	const shell = spawn('bash', ['--norc', '-s'], {
		cwd,
		env: { ...process.env, ...env },
		stdio: 'pipe',
		// A process group of its own, to be ended with whatever it has started.
		detached: true,
	});
	const exited = once(shell, 'exit');
	let said = '';
	let heard: () => void = () => undefined;
	for (const stream of [shell.stdout, shell.stderr]) {
		stream.setEncoding('utf8').on('data', (text: string) => {
			said += text;
			heard();
		});
	}
	t.teardown(async () => {
		if (shell.exitCode === null && shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
		await exited;
	});
	shell.stdin.on('error', () => undefined);
	shell.stdin.write('set -euo pipefail\nexec 2>&1\n');
	return {
		async run(commands, seconds = 60) {
			said = '';
			const mark = `done-${randomUUID()}`;
			shell.stdin.write(`{\n${commands}\n} </dev/null\nprintf '%s\\n' ${mark}\n`);
			const timer = AbortSignal.timeout(seconds * 1000);
			const stopped = Promise.race([
				exited.then(([code]) => `ended with ${code}`),
				once(timer, 'abort').then(() => `has not ended after ${seconds} s`),
			]);
			while (!said.includes(mark)) {
				const news = new Promise<void>(resolve => {
					heard = resolve;
				});
				const trouble = await Promise.race([news, stopped]);
				if (trouble) throw new Error(`the shell ${trouble}:\n${commands}\nsaid:\n${said}`);
			}
			return said.slice(0, said.indexOf(mark));
		},
	};
}
