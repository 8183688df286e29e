import fc from 'fast-check';
import { type Coverage, createDifferential } from './differential.ts';
import { startFuzzSite } from './fuzz-site.ts';
import { watchOwnWork } from './own-work.ts';
import { anyBatch, anyFacts, type Stream } from './streams.ts';

/** What one site is sent: connections that are open at once, while the facts are these. */
export interface Batch {
	readonly streams: readonly Stream[];
	readonly facts: { readonly up: number; readonly watts: number };
}

export interface FuzzOptions {
	readonly seed: number;
	/** Processes besides home. */
	readonly workers: number;
	readonly runs: number;
	/** Milliseconds after which no other batch is begun. */
	readonly time: number;
}

export interface FuzzResult {
	readonly coverage: Coverage;
	readonly failure: { readonly message: string; readonly batch: Batch | undefined } | undefined;
}

/** Sends generated batches to one site until the time is over or something is wrong. */
export async function fuzz({ seed, workers, runs, time }: FuzzOptions): Promise<FuzzResult> {
	const { differential, close } = await open(workers);
	let batch: Batch | undefined;
	try {
		const result = await fc.check(
			fc.asyncProperty(anyBatch, anyFacts, async (streams, facts) => {
				batch = { streams, facts };
				await differential.run(streams, facts);
			}),
			{ seed, numRuns: runs, interruptAfterTimeLimit: Math.max(1, time), endOnFailure: true },
		);
		const coverage = differential.coverage();
		if (result.failed && result.errorInstance) {
			const message = (result.errorInstance as Error).message;
			return { coverage, failure: { message, batch } };
		}
		const unsettled = await differential.settle().then(
			() => undefined,
			({ message }: Error) => ({ message, batch: undefined }),
		);
		return { coverage, failure: unsettled };
	} finally {
		await close();
	}
}

async function open(workers: number) {
	const site = await startFuzzSite(workers);
	const ownWork = await watchOwnWork(site);
	return {
		differential: createDifferential(site, ownWork),
		async close() {
			ownWork.close();
			await site.close();
		},
	};
}

/** What is wrong when a new site is sent this batch alone; undefined when nothing is. */
async function trial(batch: Batch, workers: number): Promise<string | undefined> {
	const { differential, close } = await open(workers);
	try {
		await differential.run(batch.streams, batch.facts);
		await differential.settle();
		return undefined;
	} catch (fault) {
		return (fault as Error).message;
	} finally {
		await close();
	}
}

/**
 * A smaller batch that is as wrong, each one tried on a new site; undefined when a new site shows nothing, and what
 * came before the batch has to do with it. `time` in milliseconds.
 */
async function minimise(
	batch: Batch,
	{ workers, time }: { readonly workers: number; readonly time: number },
): Promise<{ readonly batch: Batch; readonly message: string; readonly trials: number } | undefined> {
	const until = Date.now() + time;
	let message = await trial(batch, workers);
	if (message === undefined) return undefined;
	let least = batch;
	let trials = 1;
	for (let isSmaller = true; isSmaller; ) {
		isSmaller = false;
		for (const streams of smaller(least.streams)) {
			if (Date.now() > until) return { batch: least, message, trials };
			trials++;
			const found = await trial({ ...least, streams }, workers);
			if (found === undefined) continue;
			least = { ...least, streams };
			message = found;
			isSmaller = true;
			break;
		}
	}
	return { batch: least, message, trials };
}

/** Batches with something left out: a stream, its cuts, then ever smaller pieces of text. */
function* smaller(streams: readonly Stream[]): Generator<readonly Stream[]> {
	if (streams.length > 1) for (const [index] of streams.entries()) yield streams.toSpliced(index, 1);
	for (const [index, stream] of streams.entries()) {
		const put = (change: Partial<Stream>) => streams.with(index, { ...stream, ...change });
		if (stream.cuts.length > 0) yield put({ cuts: [] });
		if (stream.breaks.length > 0) yield put({ breaks: [] });
		if (stream.ending !== 'ask') yield put({ ending: 'ask' });
		const { text } = stream;
		for (let size = Math.ceil(text.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
			for (let at = 0; at < text.length; at += size)
				yield put({ text: text.slice(0, at) + text.slice(at + size) });
		}
	}
}

const describeBatch = ({ streams, facts }: Batch): string =>
	[
		JSON.stringify(facts),
		...streams.map(
			({ door, text, cuts, breaks, ending }) =>
				`-- to ${door}, cut at ${JSON.stringify([...cuts, ...breaks])}, then ${ending}:\n${JSON.stringify(text)}`,
		),
	].join('\n');

/** A failure for people: what is wrong, and the least that shows it. */
export async function describeFailure(
	{ message, batch }: NonNullable<FuzzResult['failure']>,
	options: { readonly workers: number; readonly time: number },
): Promise<string> {
	if (!batch) return message;
	const least = await minimise(batch, options);
	if (!least)
		return `${message}\nnot on a new site alone, but here after what came before:\n${describeBatch(batch)}`;
	return `${least.message}\nthe least of ${least.trials} tries:\n${describeBatch(least.batch)}`;
}
