import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken } from '../../common/woken.ts';
import { completeAction, failAction, pendingOn, planAction, recordAttempt } from '../core/actions.ts';
import type { SwitchCheck } from '../model/switch-check.ts';
import type { SwitchDriver } from '../switches/driver.ts';
import { type CarryOutDeps, carryOut, isAway, type Outcome, reasonOf } from './carry-out.ts';
import { type ContactState, createContact } from './contact.ts';
import { createDriftWatch, type DriftChecks } from './drift-watch.ts';
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
	readonly checks: DriftChecks;
	readonly onOutcome: (outcome: Outcome['kind'] | 'lost') => void;
	/** An action has come to an end, and that is recorded. */
	readonly onEnded: (id: string) => void;
	/** The switch was compared with what is recorded because it was time to. */
	readonly onChecked: (check: SwitchCheck) => void;
}

export interface SwitchWorker {
	/** There may be something to do: at once, unless the switch is being given time. */
	wake(): void;
	/** Runs something on the switch behind what is pending; rejects with what it throws, or when the service ends. */
	inTurn<R>(work: (deps: CarryOutDeps) => Promise<R>): Promise<R>;
	/** The switch is reached in another way, or is another one. */
	renew(): void;
	state(): ContactState;
	/** Resolves when nothing is under way; what waits for a retry stays journalled. */
	idle(): Promise<void>;
	close(): Promise<void>;
}

/**
 * Takes the pending actions of one switch in their order, one at a time. All that it knows stands in the store: after
 * a crash the next one begins where the switch is. Whatever else is asked of the switch comes after them, a little at a
 * time: what somebody asks for in turn, a look at what its ports carry, saving.
 */
export function createSwitchWorker(deps: SwitchWorkerDeps): SwitchWorker {
	const { store, clock, random, logger } = deps;
	const end = new AbortController();
	const saving = createSaving(deps);
	const contact = createContact(deps);
	const watch = createDriftWatch(deps);
	let isMet = false;
	let renewals = 0;
	/** By action, when it may be tried again; in time elapsed. */
	const retryAt = new Map<string, number>();
	const jobs: ((deps: () => Promise<CarryOutDeps>) => Promise<void>)[] = [];

	const turns = createWoken(clock, async () => {
		try {
			await round();
			await jobs.shift()?.(carryOutDeps);
			if (isTimeFor(watch.due())) await look();
			if (isTimeFor(saving.due())) await saving.save((await carryOutDeps()).driver, end.signal);
		} catch (fault) {
			if (end.signal.aborted) return undefined;
			// Not the switch but the store, or the driver's start: nothing may end the worker.
			logger.error({ err: fault, switch: deps.switch }, 'the actions of a switch could not be taken up');
			contact.note(reasonOf(fault));
			contact.giveTime();
		}
		if (jobs.length > 0 || isTimeFor(watch.due())) turns.wake();
		return untilDue();
	});

	const carryOutDeps = async (): Promise<CarryOutDeps> => {
		const driver = await deps.driver();
		const onSet = driver.save ? saving.changed : () => undefined;
		// The process before this one may have been killed before the switch saved.
		if (!isMet) onSet();
		isMet = true;
		return { driver, clock, timeout: deps.timeout, signal: end.signal, onSet, onAnswer };
	};

	const isTimeFor = (due: number | undefined): boolean =>
		!end.signal.aborted && contact.restLeft() === 0 && due !== undefined && due <= clock.elapsed();

	/** A look at one port; others are served between two of them. */
	async function look(): Promise<void> {
		try {
			await watch.step(await carryOutDeps());
		} catch (fault) {
			if (end.signal.aborted || !isAway(fault)) throw fault;
			await missed(reasonOf(fault));
		}
		await new Promise(resolve => setImmediate(resolve));
	}

	/** A switch that did not answer before may have started anew, and without what it was set to. */
	function onAnswer(): void {
		watch.heard();
		if (contact.answered()) watch.suspect();
	}

	async function missed(reason: string): Promise<void> {
		contact.missed(reason);
		logger.warn({ switch: deps.switch, reason, tries: contact.times() }, 'a switch is away');
		await deps.drop();
	}

	async function round(): Promise<void> {
		if (contact.restLeft() > 0) return;
		const pending = await store.read(tx => pendingOn(tx, deps.switch));
		const ids = new Set(pending.map(({ id }) => id));
		for (const id of retryAt.keys()) if (!ids.has(id)) retryAt.delete(id);
		/** NICs whose first action has not come to an end: what is behind it has to wait. */
		const held = new Set<string>();
		for (const { id, nic } of pending) {
			if (end.signal.aborted || contact.restLeft() > 0) return;
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
		const before = renewals;
		const outcome = await carryOut(plan, await carryOutDeps());
		if (end.signal.aborted && outcome.kind !== 'done') return false;
		// Whatever came of it, it was another device.
		if (renewals !== before) return false;
		deps.onOutcome(outcome.kind);
		if (outcome.kind !== 'done') contact.note(outcome.reason);
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
					await missed(outcome.reason);
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

	function untilDue(): number | undefined {
		if (end.signal.aborted) return undefined;
		if (contact.restLeft() > 0) return contact.restLeft();
		const due = Math.min(
			...[...retryAt.values(), saving.due(), watch.due()].filter(each => each !== undefined),
		);
		return due === Number.POSITIVE_INFINITY ? undefined : due - clock.elapsed();
	}

	return {
		wake: turns.wake,
		inTurn: work =>
			new Promise((resolve, reject) => {
				if (end.signal.aborted) return reject(end.signal.reason);
				jobs.push(async using => {
					try {
						resolve(await work(await using()));
					} catch (fault) {
						if (isAway(fault) && !end.signal.aborted) await missed(reasonOf(fault));
						reject(fault);
					}
				});
				turns.wake();
			}),
		renew() {
			renewals++;
			contact.forget();
			watch.suspect();
			turns.wake();
		},
		state: contact.state,
		idle: turns.idle,
		async close() {
			end.abort(new Error('the service ends'));
			await turns.close();
			// Their callers are told: a call on the switch ends at once now.
			for (const job of jobs.splice(0)) await job(() => Promise.reject(end.signal.reason));
		},
	};
}
