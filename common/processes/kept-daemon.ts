import { backOff } from '../back-off.ts';
import { type Clock, pause } from '../clock.ts';
import type { Logger } from '../log/logger.ts';
import type { Child } from './children.ts';

/** What a start has made of a daemon: its process, and whatever it is spoken to by. */
export interface Started {
	readonly child: Child;
}

export interface KeepOptions<T extends Started> {
	/** For people: `tgtd`. */
	readonly name: string;
	/** Resolves when it can be used; rejects when it cannot, and has ended it then. */
	readonly start: () => Promise<T>;
	/**
	 * Gives one that was started again what the one before had. Rejects when something is missing: it is then called again, for
	 * as long as it takes, and does what is left.
	 */
	readonly restore?: (current: T) => Promise<void>;
	/** Ends it; by SIGTERM when absent. */
	readonly end?: (child: Child) => Promise<unknown>;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** A daemon that is started again whenever it ends, and given up never. */
export interface KeptDaemon<T extends Started> {
	/** Undefined between two. */
	current(): T | undefined;
	/** The same, once no start is under way. */
	settled(): Promise<T | undefined>;
	/** Throws while it does not run, or has not all that the one before had: with the reason, for health checks. */
	check(): void;
	/** Has one that runs begin anew, as for another configuration. Rejects when that does not start; it is tried again then. */
	exchange(): Promise<void>;
	close(): Promise<void>;
}

/** Milliseconds: the longest between two starts, and after which one that ends was no failed start. */
const longestPause = 15_000;
const steady = 60_000;

/** Starts a daemon, and keeps it. Rejects, and keeps nothing, when it does not start the first time. */
export async function keepDaemon<T extends Started>(options: KeepOptions<T>): Promise<KeptDaemon<T>> {
	const { name, start, restore, clock, logger, end = child => child.stop() } = options;
	const closing = new AbortController();
	let current: T | undefined;
	/** Why it is not as it should be. */
	let trouble: string | undefined;
	let startedAt = 0;
	let failures = 0;
	let news: (() => void) | undefined;
	let reviving: Promise<void> | undefined;
	let turn: Promise<unknown> = Promise.resolve();

	/** Nothing of ours starts or ends it meanwhile. */
	function inTurn<R>(work: () => Promise<R>): Promise<R> {
		const now = turn.then(work);
		turn = now.catch(() => undefined);
		return now;
	}

	async function begin(): Promise<void> {
		const started = await start();
		current = started;
		startedAt = clock.elapsed();
		void started.child.exited.then(({ code, signal }) => {
			// Else it was ended by us.
			if (current !== started) return;
			current = undefined;
			const said = started.child.errorLines().slice(-3).join('; ');
			trouble = `${name} has ended (${signal ?? code})${said && `: ${said}`}. It is started again.`;
			// Ctrl-C at a terminal reaches it as it does us: by the first pause we know whether all of this ends.
			news = () => logger.error({ code, signal, said }, `${name} has ended; it is started again`);
			if (clock.elapsed() - startedAt > steady) failures = 0;
			revive();
		});
	}

	function revive(): void {
		reviving ??= reviveAll()
			.catch(() => undefined)
			.finally(() => {
				reviving = undefined;
				// It has ended in the moment in which all was well.
				if (trouble !== undefined && !closing.signal.aborted) revive();
			});
	}

	async function reviveAll(): Promise<void> {
		while (trouble !== undefined) {
			failures++;
			await pause(
				clock,
				Math.min(
					longestPause,
					backOff(failures, () => 0.5),
				),
				closing.signal,
			);
			if (!closing.signal.aborted) news?.();
			news = undefined;
			try {
				await inTurn(async () => {
					if (!current && !closing.signal.aborted) await begin();
				});
				const restored = current;
				if (!restored) continue;
				await restore?.(restored);
				if (current === restored) trouble = undefined;
			} catch (fault) {
				const why = fault instanceof Error ? fault.message : String(fault);
				trouble = current
					? `${name} was started again, but ${why}`
					: `${name} cannot be started again: ${why}`;
				logger.error({ err: fault }, `${name} is not as it was; it is tried again`);
			}
		}
	}

	await begin();
	return {
		current: () => current,
		settled: () => inTurn(async () => current),
		check() {
			if (trouble !== undefined) throw new Error(trouble);
		},
		exchange: () =>
			inTurn(async () => {
				const last = current;
				// Between two: the next one begins anew anyway.
				if (!last || closing.signal.aborted) return;
				current = undefined;
				await end(last.child);
				try {
					await begin();
				} catch (fault) {
					trouble = `${name} cannot be started again: ${fault instanceof Error ? fault.message : fault}`;
					revive();
					throw fault;
				}
			}),
		async close() {
			closing.abort(new Error(`${name} is ended`));
			await reviving;
			await inTurn(async () => {
				const last = current;
				current = undefined;
				if (last) await end(last.child);
			});
		},
	};
}
