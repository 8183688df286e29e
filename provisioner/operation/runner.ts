import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import { type OpenOperation, operations } from '../model/operation.ts';
import * as journal from './journal.ts';
import type { Kind, StageContext } from './kind.ts';

export interface RunnerDeps {
	readonly store: Store;
	readonly kinds: Readonly<Record<string, Kind>>;
	readonly clock: Clock;
	/** Between 0 and 1. */
	readonly random: () => number;
	readonly logger: Logger;
	/** An operation has got on, or come to an end; that is recorded. */
	readonly onChange: (id: string) => void;
}

/** Carries operations out, stage by stage; all that is known of one stands in the store. */
export interface Runner {
	/** Takes up what the last process left. */
	start(): Promise<void>;
	/** An operation was journalled. */
	wake(id: string): void;
	/** Asks one to end: it is undone. What has ended already stays as it is. */
	cancel(id: string, reason: string): Promise<void>;
	idle(): Promise<void>;
	/** Ends what is under way where it is; the next process goes on there. */
	close(): Promise<void>;
}

/** Faults of a stage, one after another, after which the operation comes to nothing. */
const mostAttempts = 10;
/** Milliseconds between two records of how far a stage is. */
const progressEvery = 1000;

export function createRunner(deps: RunnerDeps): Runner {
	const { store, kinds, clock, random, logger, onChange } = deps;
	const end = new AbortController();
	const running = new Map<string, { readonly stop: AbortController; readonly over: Promise<void> }>();
	const timers = new Map<string, () => void>();

	function wake(id: string): void {
		if (running.has(id) || end.signal.aborted) return;
		timers.get(id)?.();
		timers.delete(id);
		const stop = new AbortController();
		// `run` begins after it is noted: it takes itself off.
		const over = Promise.resolve().then(() => run(id, AbortSignal.any([stop.signal, end.signal])));
		running.set(id, { stop, over });
	}

	async function run(id: string, signal: AbortSignal): Promise<void> {
		let wait: number | undefined;
		try {
			while (!end.signal.aborted && (await step(id, signal)));
		} catch (fault) {
			wait = end.signal.aborted ? undefined : await trouble(id, fault, signal);
		}
		running.delete(id);
		if (wait === 0) wake(id);
		else if (wait !== undefined) {
			timers.set(
				id,
				clock.after(wait, () => wake(id)),
			);
		}
	}

	/** Takes the next step forwards or backwards; false when there is none. */
	async function step(id: string, signal: AbortSignal): Promise<boolean> {
		const operation = await store.read(tx => tx.get(operations, id));
		if (operation?.status !== 'PENDING' && operation?.status !== 'UNDOING') return false;
		const kind = kinds[operation.kind];
		if (!kind) throw new Error(`no operation is of kind ${operation.kind}`);
		const at = operation.stages.filter(({ endedAt }) => endedAt !== null).length;
		if (operation.status === 'PENDING') {
			const stage = kind.stages[at];
			const records: ((tx: Transaction) => Promise<void>)[] = [];
			if (stage) await stage.run(contextOf(id, operation, signal, records));
			await store.transact(async tx => {
				for (const record of records) await record(tx);
				// What was ended meanwhile is undone, not done.
				await journal.advance(tx, id, kind, at, clock.now());
			});
		} else {
			// What is undone is not stopped by the wish that it be undone.
			const stage = kind.stages[operation.stages.length - 1];
			const records: ((tx: Transaction) => Promise<void>)[] = [];
			await stage?.undo?.(contextOf(id, operation, end.signal, records));
			await store.transact(async tx => {
				for (const record of records) await record(tx);
				await journal.retreat(tx, id, operation.stages.length, clock.now());
			});
		}
		onChange(id);
		return true;
	}

	function contextOf(
		id: string,
		operation: OpenOperation,
		signal: AbortSignal,
		records: ((tx: Transaction) => Promise<void>)[],
	): StageContext {
		let told = Number.NEGATIVE_INFINITY;
		return {
			id,
			operation,
			signal,
			async progress(done, total) {
				if (clock.elapsed() - told < progressEvery) return;
				told = clock.elapsed();
				await store.transact(tx => journal.recordProgress(tx, id, { done, total }));
				onChange(id);
			},
			async note(what) {
				await store.transact(tx => journal.recordNote(tx, id, what));
				onChange(id);
			},
			keep: output => store.transact(tx => journal.keepOutput(tx, id, output)),
			atEnd: record => void records.push(record),
		};
	}

	/** Milliseconds after which it is tried again; 0: it is undone from now on. */
	async function trouble(id: string, fault: unknown, signal: AbortSignal): Promise<number> {
		const reason = fault instanceof Error ? fault.message : String(fault);
		// What is not installed will not be in a minute.
		const isFinal = fault instanceof BimetalError && (fault.status < 500 || fault.code === 'PartMissing');
		try {
			const { attempts, isUndoing } = await store.transact(tx =>
				journal.recordTrouble(tx, id, reason, ({ kind, attempts: times }) =>
					kinds[kind]?.neverGivesUp ? false : isFinal || times >= mostAttempts,
				),
			);
			onChange(id);
			if (attempts === 0 || (signal.aborted && isUndoing)) return 0;
			logger.warn({ operation: id, err: fault, attempts }, 'an operation met a fault; it is tried again');
			return backOff(attempts, random);
		} catch (second) {
			logger.error({ operation: id, err: second }, 'what an operation met could not be recorded');
			return backOff(1, random);
		}
	}

	const idle = async (): Promise<void> => {
		while (running.size > 0) await Promise.all([...running.values()].map(({ over }) => over));
	};
	return {
		async start() {
			const where = { index: 'open', equals: 'yes' };
			for (const { id } of await store.read(tx => tx.list(operations, { where }))) wake(id);
		},
		wake,
		async cancel(id, reason) {
			await store.transact(tx => journal.giveUp(tx, id, reason));
			onChange(id);
			running.get(id)?.stop.abort(new Error(reason));
			wake(id);
		},
		idle,
		async close() {
			end.abort(new Error('the service ends'));
			for (const cancel of timers.values()) cancel();
			await idle();
		},
	};
}
