import { type ChildProcess, fork } from 'node:child_process';
import { z } from 'zod';

/** An integer program's answer: `optimal`, or nothing that can be relied on. */
export const solution = z.discriminatedUnion('status', [
	z.strictObject({
		status: z.literal('optimal'),
		objective: z.number(),
		/** Variables that are not zero. */
		values: z.array(z.tuple([z.string(), z.number()])),
	}),
	z.strictObject({ status: z.literal('none'), why: z.string() }),
]);
export type Solution = z.output<typeof solution>;

export interface Solver {
	/** `text` in CPLEX's LP format; `within` in milliseconds. Never rejects: what cannot be solved has no solution. */
	solve(text: string, within: number): Promise<Solution>;
	close(): Promise<void>;
}

/** Milliseconds that the process may take beyond what the solver is given: to start, and to answer. */
const grace = 30_000;

/**
 * HiGHS in a process of its own, started when it is first needed: what takes too long or too much memory ends with that
 * process. (Not in a thread: Node 24 can crash when one that has run WebAssembly ends.) One problem at a time.
 */
export function createSolver(): Solver {
	let child: ChildProcess | undefined;
	let last: Promise<unknown> = Promise.resolve();

	function ask(text: string, within: number): Promise<Solution> {
		child ??= fork(new URL('solve.ts', import.meta.url), {
			env: {},
			execArgv: ['--max-old-space-size=1024'],
			stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
		});
		const asked = child;
		return new Promise(resolve => {
			const end = (answer: Solution): void => {
				clearTimeout(timer);
				asked.off('message', take);
				asked.off('exit', gone);
				asked.off('error', gone);
				resolve(answer);
			};
			const take = (message: unknown): void => {
				const parsed = solution.safeParse(message);
				end(parsed.success ? parsed.data : { status: 'none', why: 'the answer is not understood' });
			};
			const gone = (): void => {
				child = undefined;
				end({ status: 'none', why: 'the solver ended' });
			};
			const timer = setTimeout(() => {
				asked.kill('SIGKILL');
				child = undefined;
				end({ status: 'none', why: 'it took too long' });
			}, within + grace);
			asked.on('message', take);
			asked.on('exit', gone);
			asked.on('error', gone);
			asked.send({ text, seconds: within / 1000 });
		});
	}

	return {
		solve(text, within) {
			const answer = last.then(() => ask(text, within));
			last = answer;
			return answer;
		},
		async close() {
			const ended = child;
			child = undefined;
			if (ended) await endProcess(ended);
		},
	};
}

/** Kills a process that has nothing to lose; resolves when it is gone. */
async function endProcess(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = new Promise(resolve => child.once('exit', resolve));
	child.kill('SIGKILL');
	await gone;
}
