import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { completeAction, failAction, pendingOn, planAction, recordAttempt } from '../core/actions.ts';
import type { SwitchDriver } from '../switches/driver.ts';
import { backOff } from './back-off.ts';
import { type CarryOutDeps, carryOut, type Outcome } from './carry-out.ts';
import { createSaving } from './saving.ts';

export interface SwitchWorkerDeps {
	readonly switch: string;
	readonly store: Store;
	/** The driver by what is recorded of the switch now; asked before each round. */
	readonly driver: () => Promise<SwitchDriver>;
	/** The connection is no good any more. */
	readonly drop: () => Promise<void>;
	readonly clock: Clock;
	/** Between 0 and 1. */
	readonly random: () => number;
	readonly logger: Logger;
	/** Milliseconds that one call of the driver may take. */
	readonly timeout: number;
	readonly onOutcome: (outcome: Outcome['kind'] | 'lost') => void;
	/** An action has come to an end, and that is recorded. */
	readonly onEnded: (id: string) => void;
}

export interface SwitchWorker {
	/** There may be something to do: at once, unless the switch is being given time. */
	wake(): void;
	/** Runs something on the switch between two actions; rejects with what it throws, or when the service ends. */
	inTurn<R>(work: (deps: CarryOutDeps) => Promise<R>): Promise<R>;
	/** Resolves when nothing is under way; what waits for a retry stays journalled. */
	idle(): Promise<void>;
	close(): Promise<void>;
}

/**
 * Takes the pending actions of one switch in their order, one at a time. All that it knows stands in the store: after
 * a crash the next one begins where the switch is.
 */
export function createSwitchWorker(deps: SwitchWorkerDeps): SwitchWorker {
	const { store, clock, random, logger } = deps;
	const end = new AbortController();
	const saving = createSaving(deps);
	let known: SwitchDriver | undefined;
	/** By action, when it may be tried again; in time elapsed. */
	const retryAt = new Map<string, number>();
	let away = { times: 0, until: 0 };
	let isWanted = false;
	const jobs: ((deps: () => Promise<CarryOutDeps>) => Promise<void>)[] = [];
	let running: Promise<void> | undefined;
	let cancelTimer: () => void = () => undefined;

	function wake(): void {
		isWanted = true;
		if (running || end.signal.aborted) return;
		running = run().finally(() => {
			running = undefined;
			if (isWanted) wake();
		});
	}

	async function run(): Promise<void> {
		cancelTimer();
		while (isWanted && !end.signal.aborted) {
			isWanted = false;
			try {
				for (const job of jobs.splice(0)) await job(carryOutDeps);
				await round();
				if (isTimeToSave()) await saving.save((await carryOutDeps()).driver, end.signal);
			} catch (fault) {
				// Not the switch but the store, or the driver's start: nothing may end the worker.
				logger.error({ err: fault, switch: deps.switch }, 'the actions of a switch could not be taken up');
				giveTime();
			}
		}
		sleepUntilDue();
	}

	const carryOutDeps = async (): Promise<CarryOutDeps> => {
		const driver = await deps.driver();
		const onSet = driver.save ? saving.changed : () => undefined;
		// The process before this one may have been killed before the switch saved.
		if (driver !== known) onSet();
		known = driver;
		return { driver, clock, timeout: deps.timeout, signal: end.signal, onSet };
	};

	const isTimeToSave = (): boolean =>
		!end.signal.aborted && away.until <= clock.elapsed() && (saving.due() ?? Infinity) <= clock.elapsed();

	async function round(): Promise<void> {
		if (away.until > clock.elapsed()) return;
		const pending = await store.read(tx => pendingOn(tx, deps.switch));
		const ids = new Set(pending.map(({ id }) => id));
		for (const id of retryAt.keys()) if (!ids.has(id)) retryAt.delete(id);
		/** NICs whose first action has not come to an end: what is behind it has to wait. */
		const held = new Set<string>();
		for (const { id, nic } of pending) {
			if (end.signal.aborted || away.until > clock.elapsed()) return;
			if (held.has(nic)) continue;
			const isDue = (retryAt.get(id) ?? 0) <= clock.elapsed();
			if (!isDue || !(await take(id))) held.add(nic);
		}
	}

	/** True when the action has come to an end. */
	async function take(id: string): Promise<boolean> {
		const plan = await store.read(tx => planAction(tx, id));
		if (plan.kind === 'ended') return true;
		if (plan.kind === 'lost') {
			await store.transact(tx => failAction(tx, id, plan.reason, clock.now()));
			deps.onOutcome('lost');
			deps.onEnded(id);
			return true;
		}
		const outcome = await carryOut(plan, await carryOutDeps());
		if (end.signal.aborted && outcome.kind !== 'done') return false;
		deps.onOutcome(outcome.kind);
		if (outcome.kind !== 'open' || !outcome.isAway) away = { times: 0, until: 0 };
		switch (outcome.kind) {
			case 'done':
				await store.transact(tx => completeAction(tx, id, clock.now()));
				break;
			case 'refused':
				logger.warn({ action: id, switch: deps.switch, reason: outcome.reason }, 'the switch refused');
				await store.transact(tx => failAction(tx, id, outcome.reason, clock.now()));
				break;
			case 'open':
				await store.transact(tx => recordAttempt(tx, id, outcome.reason));
				if (outcome.isAway) {
					giveTime();
					logger.warn({ switch: deps.switch, reason: outcome.reason, tries: away.times }, 'a switch is away');
					await deps.drop();
				} else {
					retryAt.set(id, clock.elapsed() + backOff(plan.action.attempts + 1, random));
					logger.warn({ action: id, switch: deps.switch, reason: outcome.reason }, 'to be tried again');
				}
				break;
			default:
				outcome satisfies never;
		}
		if (outcome.kind === 'open') return false;
		deps.onEnded(id);
		return true;
	}

	function giveTime(): void {
		const times = away.times + 1;
		away = { times, until: clock.elapsed() + backOff(times, random) };
	}

	function sleepUntilDue(): void {
		const due =
			away.until > clock.elapsed()
				? away.until
				: Math.min(...retryAt.values(), saving.due() ?? Number.POSITIVE_INFINITY);
		if (due === Number.POSITIVE_INFINITY || end.signal.aborted) return;
		cancelTimer = clock.after(Math.max(1, due - clock.elapsed()), wake);
	}

	const idle = async (): Promise<void> => {
		while (running) await running;
	};
	return {
		wake,
		inTurn: work =>
			new Promise((resolve, reject) => {
				if (end.signal.aborted) return reject(end.signal.reason);
				jobs.push(async using => {
					try {
						resolve(await work(await using()));
					} catch (fault) {
						reject(fault);
					}
				});
				wake();
			}),
		idle,
		async close() {
			end.abort(new Error('the service ends'));
			cancelTimer();
			await idle();
			// Their callers are told: a call on the switch ends at once now.
			for (const job of jobs.splice(0)) await job(() => Promise.reject(end.signal.reason));
		},
	};
}
