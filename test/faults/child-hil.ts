import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export type ToHil =
	/** Count moments from now on, and die at that one (from 1). */
	{ readonly kind: 'arm'; readonly killAt?: number } | { readonly kind: 'passed' };
export type FromHil =
	| { readonly kind: 'up'; readonly url: string }
	| { readonly kind: 'armed' }
	| { readonly kind: 'passed'; readonly moments: string[] };

/** The real hil of a site file in a process of its own, with its store and its HTTP. */
export interface ChildHil {
	readonly url: string;
	arm(killAt?: number): Promise<void>;
	/** The moments since it was armed. */
	passed(): Promise<string[]>;
	kill(signal: NodeJS.Signals): void;
	/** By which signal it ended, or with which code. */
	readonly exit: Promise<NodeJS.Signals | number | null>;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('hil-child.fixture.ts', import.meta.url));

/**
 * Starts it; undefined when it died on the way up, as `killAt` wants it (a number of moments, counted from its start).
 * Throws when it ends otherwise.
 */
export async function startChildHil(
	config: string,
	{ switchFile, killAt }: { readonly switchFile?: string; readonly killAt?: number } = {},
): Promise<ChildHil | undefined> {
	const child = fork(program, [config, ...(switchFile === undefined ? [] : [switchFile])], {
		stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
		env: {
			...process.env,
			// It is started a hundred times: half of its start is compiling.
			NODE_COMPILE_CACHE: path.join(path.dirname(config), 'compiled'),
			...(killAt !== undefined && { BIMETAL_TEST_KILL_AT: String(killAt) }),
		},
	});
	let log = '';
	child.stderr?.setEncoding('utf8').on('data', text => {
		log += text;
	});
	const exit = once(child, 'exit').then(
		([code, signal]) => (signal ?? code) as NodeJS.Signals | number | null,
	);
	const next = async <K extends FromHil['kind']>(
		kind: K,
	): Promise<Extract<FromHil, { kind: K }> | undefined> => {
		const answer = await Promise.race([once(child, 'message') as Promise<[FromHil]>, exit]);
		if (!Array.isArray(answer)) {
			if (answer === 'SIGKILL') return undefined;
			throw new Error(`hil ended with ${answer}: ${log}`);
		}
		if (answer[0].kind !== kind) throw new Error(`${answer[0].kind} instead of ${kind}`);
		return answer[0] as Extract<FromHil, { kind: K }>;
	};
	const up = await next('up');
	if (!up) return undefined;
	return {
		url: up.url,
		async arm(at) {
			child.send({ kind: 'arm', ...(at !== undefined && { killAt: at }) } satisfies ToHil);
			await next('armed');
		},
		async passed() {
			child.send({ kind: 'passed' } satisfies ToHil);
			return (await next('passed'))?.moments ?? [];
		},
		kill: signal => void child.kill(signal),
		exit,
		async end() {
			child.kill('SIGKILL');
			await exit;
		},
	};
}
