// One thread that judges, for evidence that would keep everybody else waiting: see judge-away.ts.
import { parentPort } from 'node:worker_threads';
import type { Job } from './stored-policies.ts';
import { createJudge } from './stored-policies.ts';

const judge = createJudge();
parentPort?.on('message', (job: Job & { readonly id: number }) => {
	parentPort?.postMessage({ id: job.id, judgement: judge(job) });
});
