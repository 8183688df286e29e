import { type ChildProcess, fork } from 'node:child_process';
import { z } from 'zod';
import { curveBound } from './bound.ts';
import { endProcess } from './end-process.ts';
import { awardGreedily } from './greedy.ts';
import { type PoolPart, packPool, unpackAwards } from './packed-pool.ts';
import type { Award, Pool } from './pool.ts';

/** What came of a pool that was cleared by hand: see greedy.ts and bound.ts. */
export interface ByHand {
	readonly awards: readonly Award[];
	readonly bound: number;
}

export interface HandClearing {
	/** Rejects when the process that does it has died. */
	clear(pool: Pool): Promise<ByHand>;
	/** Ends the process; whoever waits is refused. */
	close(): Promise<void>;
}

export type HandMessage = PoolPart | { readonly type: 'clear' };
const handAnswer = z.strictObject({ awards: z.instanceof(Float64Array), bound: z.number() });
export type HandAnswer = z.output<typeof handAnswer>;

/** Bids and slots up to which it is done here: some milliseconds. */
const mostHere = 1000;

const clearHere = (pool: Pool): ByHand => ({ awards: awardGreedily(pool), bound: curveBound(pool) });

/**
 * Clears pools by hand, large ones in a process of its own, that goes on meanwhile: a round of a hundred thousand bids takes most of
 * a second. It is sent in parts, between which others have their turn. One pool at a time; the process is started when it is
 * first needed.
 */
export function createHandClearing(here = mostHere): HandClearing {
	let child: ChildProcess | undefined;
	let last: Promise<unknown> = Promise.resolve();

	async function clearThere(pool: Pool): Promise<ByHand> {
		child ??= fork(new URL('hand-process.ts', import.meta.url), {
			env: {},
			execArgv: ['--disable-warning=ExperimentalWarning'],
			serialization: 'advanced',
			stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
		});
		const asked = child;
		const answer = answerOf(asked);
		// It may come to nothing before it is asked for.
		answer.catch(() => undefined);
		for (const part of packPool(pool)) await Promise.race([send(asked, part), answer]);
		await Promise.race([send(asked, { type: 'clear' }), answer]);
		const { awards, bound } = handAnswer.parse(await answer);
		return { awards: unpackAwards(pool, awards), bound };
	}

	/** Its next message. */
	function answerOf(asked: ChildProcess): Promise<unknown> {
		return new Promise((resolve, reject) => {
			const end = (): void => {
				asked.off('message', take);
				asked.off('exit', gone);
				asked.off('error', gone);
			};
			const take = (message: unknown): void => {
				end();
				resolve(message);
			};
			const gone = (): void => {
				end();
				if (child === asked) child = undefined;
				reject(new Error('the process that clears large pools has ended'));
			};
			asked.on('message', take);
			asked.on('exit', gone);
			asked.on('error', gone);
		});
	}

	return {
		async clear(pool) {
			let slots = 0;
			for (const lane of pool.lanes.values()) slots += lane.length;
			if (pool.bids.length + slots <= here) return clearHere(pool);
			const cleared = last.then(() => clearThere(pool));
			last = cleared.catch(() => undefined);
			return cleared;
		},
		async close() {
			const ended = child;
			child = undefined;
			if (ended) await endProcess(ended);
		},
	};
}

/** Resolves when it is on its way: the next part waits for that, and others have their turn. */
const send = (asked: ChildProcess, message: HandMessage): Promise<void> =>
	new Promise((resolve, reject) => {
		asked.send(message, fault => (fault ? reject(fault) : resolve()));
	});
