import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { attestErrors } from '../errors.ts';
import { refusalMeanings } from '../outcome.ts';
import { baseline } from './baseline.ts';
import type { Judgement } from './judge.ts';
import { createJudge, type Job } from './stored-policies.ts';

export interface AwayJudge {
	/** @throws JudgeAway when it takes too long, or its thread breaks: then nothing is known of the evidence */
	judge(job: Job): Promise<Judgement>;
	close(): Promise<void>;
}

/** Bytes of logs and lists from which judging takes long enough to keep others waiting: some milliseconds. */
const heavy = 64 * 1024;
/** Milliseconds: the longest lists take seconds. */
const patience = 60_000;

const codes = Object.keys(refusalMeanings) as (keyof typeof refusalMeanings)[];
const answer = z.strictObject({
	id: z.int(),
	judgement: z.union([
		z.strictObject({ ok: z.literal(true), baseline }),
		z.strictObject({
			ok: z.literal(false),
			refusal: z.strictObject({ code: z.enum(codes), reason: z.string() }),
			signed: z.boolean(),
		}),
	]),
});

/** Judges what is light at once, and what is heavy in a thread of its own, which is started when it is needed. */
export function createAwayJudge({ clock }: { readonly clock: Clock }): AwayJudge {
	const here = createJudge();
	const waiting = new Map<number, { resolve(judgement: Judgement): void; reject(fault: Error): void }>();
	let thread: Worker | undefined;
	let lastId = 0;

	function failAll(why: string, cause?: unknown): void {
		const broken = thread;
		thread = undefined;
		void broken?.terminate();
		for (const one of waiting.values()) one.reject(attestErrors.JudgeAway(`Judging ${why}.`, { cause }));
		waiting.clear();
	}

	function start(): Worker {
		const started = new Worker(new URL('judge-thread.ts', import.meta.url));
		started.unref();
		started.on('message', (message: unknown) => {
			const { id, judgement } = answer.parse(message);
			waiting.get(id)?.resolve(judgement);
			waiting.delete(id);
		});
		const broke = (cause?: unknown): void => {
			if (thread === started) failAll('broke off', cause);
		};
		started.on('error', broke);
		started.on('exit', () => broke());
		return started;
	}

	return {
		async judge(job) {
			const { bootLog, ima } = job.evidence;
			const size = (bootLog?.length ?? 0) + (ima?.length ?? 0);
			if (size < heavy) return here(job);
			thread ??= start();
			const id = ++lastId;
			const cancel = clock.after(patience, () => failAll(`took more than ${patience / 1000} s`));
			try {
				return await new Promise<Judgement>((resolve, reject) => {
					waiting.set(id, { resolve, reject });
					thread?.postMessage({ ...job, id });
				});
			} finally {
				cancel();
			}
		},
		async close() {
			const ended = thread;
			failAll('was ended');
			await ended?.terminate();
		},
	};
}
