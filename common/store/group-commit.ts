import { BimetalError } from '../errors/bimetal-error.ts';
import { storeClosed } from './errors.ts';

/** What an engine does for a group of transactions that share one commit. */
export interface GroupEngine<Tx> {
	begin(): void;
	/** Runs `work` on top of what the group has written so far; when it throws, what it wrote is undone. */
	attempt(work: (tx: Tx) => Promise<unknown>): Promise<unknown>;
	/** Puts on disk what the group wrote. When it rejects, nothing of the group was written. */
	commit(): Promise<void>;
	/** An error for which nothing can be promised any more: all later calls reject with it. */
	isFatal(error: unknown): boolean;
}

export interface GroupCommit<Tx> {
	transact<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
	/** Runs `work` between groups, so that it sees only what is on disk. */
	betweenGroups<R>(work: () => Promise<R>): Promise<R>;
	/** Rejects when the store is closed or has failed for good. */
	assertOpen(): void;
	/** Lets what was asked for end; later calls reject with StoreClosed. */
	drain(): Promise<void>;
}

/** So that one group neither grows without end nor makes its first caller wait for all who come after. */
const largestGroup = 512;

interface Waiting<Tx> {
	work(tx: Tx): Promise<unknown>;
	settle(outcome: PromiseSettledResult<unknown>): void;
}

/**
 * Runs transactions one after another and commits those that are waiting together: one fsync for all of them. While
 * one group is on its way to the disk the next one gathers. No caller learns of its result, an error included, before
 * the commit: it may rest on what another transaction of the group wrote.
 */
export function createGroupCommit<Tx>(engine: GroupEngine<Tx>): GroupCommit<Tx> {
	const transactions: Waiting<Tx>[] = [];
	const reads: (() => Promise<void>)[] = [];
	let running: Promise<void> | undefined;
	let refusal: BimetalError | undefined;

	function assertOpen(): void {
		if (refusal) throw refusal;
	}

	function wake(): void {
		running ??= run().finally(() => {
			running = undefined;
			if (reads.length > 0 || transactions.length > 0) wake();
		});
	}

	async function run(): Promise<void> {
		while (reads.length > 0 || transactions.length > 0) {
			await Promise.all(reads.splice(0).map(read => read()));
			if (transactions.length === 0) continue;
			await runGroup();
			// Callers that have just been answered get to ask again, and so to be in the next group.
			await new Promise(resolve => setImmediate(resolve));
		}
	}

	async function runGroup(): Promise<void> {
		const done: { waiting: Waiting<Tx>; outcome: PromiseSettledResult<unknown> }[] = [];
		let failure: { reason: unknown } | undefined;
		try {
			if (refusal && refusal.code !== 'StoreClosed') throw refusal;
			engine.begin();
			while (done.length < largestGroup) {
				const waiting = transactions.shift();
				if (!waiting) break;
				const outcome = await Promise.allSettled([engine.attempt(waiting.work)]);
				done.push({ waiting, outcome: outcome[0] });
			}
			await engine.commit();
		} catch (error) {
			failure = { reason: error };
			if (engine.isFatal(error) && error instanceof BimetalError) refusal = error;
			// Also those that were not begun: they would only meet the same disk.
			for (const waiting of transactions.splice(0)) {
				done.push({ waiting, outcome: { status: 'rejected', reason: error } });
			}
		}
		for (const { waiting, outcome } of done) {
			const made = outcome.status === 'fulfilled' && failure !== undefined;
			waiting.settle(made ? { status: 'rejected', reason: failure?.reason } : outcome);
		}
	}

	return {
		assertOpen,
		async transact<R>(work: (tx: Tx) => Promise<R>): Promise<R> {
			assertOpen();
			return new Promise<R>((resolve, reject) => {
				const settle = (outcome: PromiseSettledResult<unknown>) =>
					outcome.status === 'fulfilled' ? resolve(outcome.value as R) : reject(outcome.reason);
				transactions.push({ work, settle });
				wake();
			});
		},
		async betweenGroups<R>(work: () => Promise<R>): Promise<R> {
			assertOpen();
			return new Promise<R>((resolve, reject) => {
				reads.push(async () => {
					try {
						resolve(await work());
					} catch (error) {
						reject(error);
					}
				});
				wake();
			});
		},
		async drain() {
			refusal ??= storeClosed();
			while (running) await running;
		},
	};
}
