import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { Played, Regime } from './play.ts';
import type { Scenario } from './scenario.ts';

export interface PlayTask {
	readonly scenario: Scenario;
	readonly regime: Regime;
	readonly seed: string;
}
export type PlayAnswer =
	| { readonly type: 'day'; readonly day: number }
	| { readonly type: 'played'; readonly played: Played }
	| { readonly type: 'failed'; readonly why: string };

/**
 * Plays all of these, in as many processes as there are processors, and answers in the order of the tasks. `onDay` is told which
 * task has come how far. When one fails, or `signal` is aborted, all processes are ended.
 * @throws Error with what failed; the signal's reason
 */
export async function playAll(
	tasks: readonly PlayTask[],
	{
		signal,
		onDay,
	}: { readonly signal?: AbortSignal | undefined; readonly onDay: (task: PlayTask, day: number) => void },
): Promise<Played[]> {
	const played: Played[] = [];
	let next = 0;
	const stop = new AbortController();
	const ended = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])]);

	async function work(): Promise<void> {
		if (next >= tasks.length) return;
		const child = fork(new URL('play-process.ts', import.meta.url), {
			env: {},
			// Records come and go by the million: most are gone before they are moved, when there is room for them until then.
			execArgv: ['--max-semi-space-size=64', '--disable-warning=ExperimentalWarning'],
			serialization: 'advanced',
			stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
		});
		const gone = new Promise<void>(resolve =>
			child.once('exit', () => resolve()).once('error', () => resolve()),
		);
		try {
			for (let n = next++; n < tasks.length; n = next++) {
				const task = tasks[n] as PlayTask;
				played[n] = await askFor(child, task, { signal: ended, onDay: day => onDay(task, day) });
			}
		} finally {
			child.kill('SIGKILL');
			await gone;
		}
	}

	const workers = Array.from({ length: Math.min(tasks.length, availableParallelism()) }, work);
	// Whichever fails first ends the others; all have ended before anybody is told.
	const results = await Promise.allSettled(
		workers.map(each =>
			each.catch(fault => {
				stop.abort(fault);
				throw fault;
			}),
		),
	);
	signal?.throwIfAborted();
	const failed = results.find(({ status }) => status === 'rejected');
	if (failed) throw stop.signal.reason;
	return played;
}

function askFor(
	child: ChildProcess,
	task: PlayTask,
	{ signal, onDay }: { readonly signal: AbortSignal; readonly onDay: (day: number) => void },
): Promise<Played> {
	return new Promise((resolve, reject) => {
		function end(settle: () => void): void {
			child.off('message', take);
			child.off('exit', exited);
			child.off('error', fail);
			signal.removeEventListener('abort', aborted);
			settle();
		}
		const fail = (fault: unknown): void => end(() => reject(fault));
		const aborted = (): void => fail(signal.reason);
		const exited = (code: number | null, by: string | null): void =>
			fail(new Error(`a process that played "${task.regime}" ended by itself (${by ?? code})`));
		const take = (message: unknown): void => {
			const answer = message as PlayAnswer;
			if (answer.type === 'day') onDay(answer.day);
			else if (answer.type === 'played') end(() => resolve(answer.played));
			else fail(new Error(answer.why));
		};
		child.on('message', take).once('exit', exited).once('error', fail);
		signal.addEventListener('abort', aborted, { once: true });
		if (signal.aborted) return aborted();
		child.send(task);
	});
}
