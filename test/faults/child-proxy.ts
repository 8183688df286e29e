import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Ask, createAsk } from '../proxy/ask.ts';

export type ToChild =
	/** Count moments from now on, and die at that one (from 1), or at the first of that name. */
	| { readonly kind: 'arm'; readonly killAt?: number | string }
	| { readonly kind: 'passed' }
	| { readonly kind: 'store'; readonly isAway: boolean };
export type FromChild =
	| {
			readonly kind: 'up';
			readonly url: string;
			readonly ops: string;
			readonly bmcs: Record<string, string>;
	  }
	| { readonly kind: 'armed' }
	| { readonly kind: 'passed'; readonly moments: string[] };

/** The real proxy of a site folder in a process of its own. */
export interface ChildProxy {
	readonly url: string;
	readonly ops: string;
	readonly bmcs: Readonly<Record<string, string>>;
	/** Targets without an origin go to the main port. */
	readonly ask: Ask;
	readonly pid: number;
	arm(killAt?: number | string): Promise<void>;
	/** The moments since it was armed. */
	passed(): Promise<string[]>;
	storeIsAway(isAway: boolean): Promise<void>;
	signal(signal: NodeJS.Signals): void;
	/** By which signal it ended, or with which code; 'alive' when it is still there after so many milliseconds. */
	ended(within?: number): Promise<NodeJS.Signals | number | 'alive' | null>;
	/** What it logged, from warnings up. */
	log(): string;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('proxy-child.fixture.ts', import.meta.url));

/** @param prefix a command that runs the program, for instance in another mount namespace */
export async function startChildProxy(
	config: string,
	ca: string,
	prefix: readonly string[] = [],
): Promise<ChildProxy> {
	const [execPath = process.execPath, ...execArgs] = [...prefix, process.execPath];
	const child: ChildProcess = fork(program, [config], {
		execPath,
		execArgv: execArgs,
		stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
	});
	let log = '';
	child.stderr?.setEncoding('utf8').on('data', text => {
		log += text;
	});
	const exit = once(child, 'exit').then(
		([code, signal]) => (signal ?? code) as NodeJS.Signals | number | null,
	);
	const next = async <K extends FromChild['kind']>(kind: K): Promise<Extract<FromChild, { kind: K }>> => {
		const [message] = (await Promise.race([
			once(child, 'message'),
			exit.then(how => Promise.reject(new Error(`the proxy ended with ${how}: ${log}`))),
		])) as [FromChild];
		if (message.kind !== kind) throw new Error(`${message.kind} instead of ${kind}`);
		return message as Extract<FromChild, { kind: K }>;
	};
	const send = (message: ToChild): void => void child.send(message);
	const { url, ops, bmcs } = await next('up');
	const asker = createAsk(url, ca);
	return {
		url,
		ops,
		bmcs,
		ask: asker.ask,
		pid: child.pid ?? 0,
		async arm(killAt) {
			send({ kind: 'arm', ...(killAt !== undefined && { killAt }) });
			await next('armed');
		},
		async passed() {
			send({ kind: 'passed' });
			return (await next('passed')).moments;
		},
		async storeIsAway(isAway) {
			send({ kind: 'store', isAway });
			await next('armed');
		},
		signal: signal => void child.kill(signal),
		ended: within =>
			within === undefined
				? exit
				: Promise.race([exit, new Promise<'alive'>(resolve => setTimeout(resolve, within, 'alive').unref())]),
		log: () => log,
		async end() {
			asker.close();
			child.kill('SIGKILL');
			await exit;
		},
	};
}
