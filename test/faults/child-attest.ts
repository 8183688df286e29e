import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export type ToAttest =
	/** Count writes from now on, and die before that one (from 1). */
	| { readonly kind: 'arm'; readonly killAt?: number }
	/** Evidence has come, and was found good or not. */
	| { readonly kind: 'judge'; readonly admission: string; readonly isGood: boolean };
export type FromAttest =
	| { readonly kind: 'up'; readonly url: string }
	/** Writes since it was armed last. */
	| { readonly kind: 'armed'; readonly passed: number }
	| { readonly kind: 'judged' };

/** The real attestation service of a site file in a process of its own, with its store and its HTTP. */
export interface ChildAttest {
	readonly url: string;
	/** Writes since it was armed last, or began. */
	arm(killAt?: number): Promise<number>;
	judge(admission: string, isGood: boolean): Promise<void>;
	/** Whether it is gone. */
	isDead(): boolean;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('attest-child.fixture.ts', import.meta.url));

/** Starts it; undefined when it died on the way up, as `killAt` wants it. Throws when it ends otherwise. */
export async function startChildAttest(config: string, killAt?: number): Promise<ChildAttest | undefined> {
	const child = fork(program, [config], {
		stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
		env: {
			...process.env,
			// It is started many times: half of its start is compiling.
			NODE_COMPILE_CACHE: path.join(path.dirname(config), 'compiled'),
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
	const next = async (): Promise<FromAttest | undefined> => {
		const answer = await Promise.race([once(child, 'message') as Promise<[FromAttest]>, exit]);
		if (Array.isArray(answer)) return answer[0];
		if (answer === 'SIGKILL') return undefined;
		throw new Error(`attest ended with ${answer}: ${log}`);
	};
	const ask = async (message: ToAttest): Promise<FromAttest | undefined> => {
		if (isDead) return undefined;
		const answer = next();
		child.send(message, () => undefined);
		return answer;
	};
	const up = await next();
	if (up?.kind !== 'up') return undefined;
	return {
		url: up.url,
		async arm(at) {
			const answer = await ask({ kind: 'arm', ...(at !== undefined && { killAt: at }) });
			return answer?.kind === 'armed' ? answer.passed : 0;
		},
		async judge(admission, isGood) {
			await ask({ kind: 'judge', admission, isGood });
		},
		isDead: () => isDead,
		async end() {
			child.kill('SIGKILL');
			await exit;
		},
	};
}
