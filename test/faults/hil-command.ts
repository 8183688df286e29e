import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** `bimetal hil -c FILE`, as it is, in a process of its own. */
export interface HilCommand {
	readonly url: string;
	kill(): void;
	/** By which signal it ended, or with which code. */
	readonly exit: Promise<NodeJS.Signals | number | null>;
	/** Lets it finish what is under way. */
	stop(): Promise<void>;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export async function startHilCommand(config: string): Promise<HilCommand> {
	const child = spawn(process.execPath, [program, 'hil', '-c', config], {
		stdio: ['ignore', 'pipe', 'inherit'],
		// Whoever ends well leaves it for those who are killed: half of a start is compiling.
		env: { ...process.env, NODE_COMPILE_CACHE: path.join(path.dirname(config), 'compiled') },
	});
	const exit = once(child, 'exit').then(
		([code, signal]) => (signal ?? code) as NodeJS.Signals | number | null,
	);
	const end = async (signal: NodeJS.Signals): Promise<void> => {
		child.kill(signal);
		await exit;
	};
	const lines: string[] = [];
	const url = new Promise<string>(resolve => {
		createInterface(child.stdout).on('line', line => {
			lines.push(line);
			const { msg, url: at } = JSON.parse(line) as { msg: string; url?: string };
			if (msg === 'hil listens' && at !== undefined) resolve(at);
		});
	});
	const ended = exit.then(how => {
		throw new Error(`hil ended with ${how}: ${lines.join('\n')}`);
	});
	return {
		url: await Promise.race([url, ended]),
		kill: () => void child.kill('SIGKILL'),
		exit,
		stop: () => end('SIGTERM'),
		end: () => end('SIGKILL'),
	};
}
