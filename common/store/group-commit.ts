import { BimetalError } from '../errors/bimetal-error.ts';
import { storeClosed } from './errors.ts';

/** What an engine does for a group of transactions that share one commit. */
export interface GroupEngine<Tx> {
	begin(): void | Promise<void>;
	/** Runs `work` on top of what the group has written so far; when it throws, what it wrote is undone. */
	attempt(work: (tx: Tx) => Promise<unknown>): Promise<unknown>;
	/** Puts on disk what the group wrote. When it rejects, nothing of the group was written, unless the error is fatal. */
	commit(): Promise<void>;
	/** What is to be done when all members of a group have been answered, before the next one; does not reject. */
	rest?(): Promise<void>;
	/** An error for which nothing can be promised any more: all later calls reject with it. */
	isFatal(error: unknown): boolean;
	/** A group that failed by this has met what somebody else wrote, and is run again as a whole, a few times. */
	isConflict?(error: unknown): boolean;
	/** Around reads that run beside each other, where the engine has them see the same moment. */
	beginReads?(): Promise<void>;
	/** Does not reject. */
	endReads?(): Promise<void>;
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
/** Members after which others than those of the group have their turn: who sends and receives. */
const oneTurn = 32;
/** How often a group is run that meets others' writes each time. */
const mostRuns = 5;

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
	const reads: { run(): Promise<void>; refuse(reason: unknown): void }[] = [];
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
			await runReads(reads.splice(0));
			if (transactions.length === 0) continue;
			await runGroup();
			await engine.rest?.();
			// Callers that have just been answered get to ask again, and so to be in the next group.
			await new Promise(resolve => setImmediate(resolve));
		}
	}

	/** What was asked for before the store was closed is still done; after a failure nothing is. */
	function assertSound(): void {
		if (refusal && refusal.code !== 'StoreClosed') throw refusal;
	}

	async function runReads(batch: typeof reads): Promise<void> {
		if (batch.length === 0) return;
		try {
			assertSound();
			await engine.beginReads?.();
		} catch (error) {
			for (const read of batch) read.refuse(error);
			return;
		}
		await Promise.all(batch.map(read => read.run()));
		await engine.endReads?.();
	}

	async function runGroup(): Promise<void> {
		const members: Waiting<Tx>[] = [];
		let outcomes: PromiseSettledResult<unknown>[] = [];
		let failure: { reason: unknown } | undefined;
		for (let run = 1; run <= mostRuns; run++) {
			outcomes = [];
			failure = await runOnce(members, outcomes);
			if (!failure || !engine.isConflict?.(failure.reason)) break;
		}
		if (failure) {
			const { reason } = failure;
			if (engine.isFatal(reason) && reason instanceof BimetalError) refusal = reason;
			// Also those that were not begun: they would only meet the same disk.
			members.push(...transactions.splice(0));
		}
		for (const [n, member] of members.entries()) {
			const outcome = outcomes[n];
			const isRefused = failure && outcome?.status !== 'rejected';
			member.settle(outcome && !isRefused ? outcome : { status: 'rejected', reason: failure?.reason });
		}
	}

	/** Members are those of an earlier run, or whoever waits. Returns why nothing of it was written, if so. */
	async function runOnce(
		members: Waiting<Tx>[],
		outcomes: PromiseSettledResult<unknown>[],
	): Promise<{ reason: unknown } | undefined> {
		try {
			assertSound();
			await engine.begin();
			while (outcomes.length < largestGroup) {
				const next = members[outcomes.length] ?? transactions.shift();
				if (!next) break;
				members[outcomes.length] = next;
				outcomes.push(...(await Promise.allSettled([engine.attempt(next.work)])));
				if (outcomes.length % oneTurn === 0) await new Promise(resolve => setImmediate(resolve));
			}
			await engine.commit();
			return undefined;
		} catch (error) {
			return { reason: error };
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
				reads.push({ run: () => work().then(resolve, reject), refuse: reject });
				wake();
			});
		},
		async drain() {
			refusal ??= storeClosed();
			while (running) await running;
		},
	};
}
