import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Plan, PortState } from '../core/actions.ts';
import { hilErrors } from '../errors.ts';
import { describeState, isSameState, type SwitchDriver } from '../switches/driver.ts';

/** What became of an action on the switch. */
export type Outcome =
	| { readonly kind: 'done' }
	/** The switch would not, and the port is as it was before: seen on the switch. */
	| { readonly kind: 'refused'; readonly reason: string }
	/** Nobody knows how the port is: to be tried again. `isAway`: so is everything else on this switch. */
	| { readonly kind: 'open'; readonly reason: string; readonly isAway: boolean };

export interface CarryOutDeps {
	readonly driver: SwitchDriver;
	readonly clock: Clock;
	/** Milliseconds that one call of the driver may take; a change may have its driver's own patience. */
	readonly timeout: number;
	/** Ends what is under way. */
	readonly signal: AbortSignal;
	/** A port is about to be set. */
	readonly onSet: () => void;
	/** The switch has answered. */
	readonly onAnswer: () => void;
}

/**
 * Makes a port what is wanted and looks at it afterwards, so that it can be done again at any time. When the switch
 * refuses, the port is put back to what is recorded and looked at again: only then has the action failed. A port that
 * carries what nobody recorded is never left behind.
 */
export async function carryOut(
	{ port, before, wanted, action }: Extract<Plan, { kind: 'change' }>,
	deps: CarryOutDeps,
): Promise<Outcome> {
	try {
		await bringTo(port, wanted, deps);
		return { kind: 'done' };
	} catch (fault) {
		const reason = reasonOf(fault);
		if (isAway(fault)) return { kind: 'open', reason, isAway: true };
		// A switch that did not do what it said, or a fault that is none of a switch, may be over soon.
		if (!isRefusal(fault) && action.attempts + 1 < triesAfterOddFaults) {
			return { kind: 'open', reason, isAway: false };
		}
		try {
			await bringTo(port, before, deps);
			return { kind: 'refused', reason };
		} catch (second) {
			const then = `${reason}; then, putting the port back: ${reasonOf(second)}`;
			return { kind: 'open', reason: then, isAway: isAway(second) };
		}
	}
}

const triesAfterOddFaults = 5;

/** What the switch says that a port carries; SwitchAway when it takes too long. */
export async function readPort(port: string, deps: CarryOutDeps): Promise<PortState> {
	const state = await withinTime(deps, signal => deps.driver.readPort(port, signal));
	deps.onAnswer();
	return state;
}

/** Makes a port carry what is wanted, if it does not, and looks again. */
export async function bringTo(port: string, wanted: PortState, deps: CarryOutDeps): Promise<void> {
	if (isSameState(await readPort(port, deps), wanted)) return;
	deps.onSet();
	const { driver, timeout } = deps;
	await withinTime({ ...deps, timeout: driver.patience ?? timeout }, signal =>
		driver.setPort(port, wanted, signal),
	);
	const state = await readPort(port, deps);
	if (isSameState(state, wanted)) return;
	throw hilErrors.SwitchDeaf(
		`port ${port} carries ${describeState(state)} instead of ${describeState(wanted)}`,
	);
}

/** SwitchAway when the call takes longer than `timeout`; its signal is aborted then. */
export async function withinTime<R>(
	{ clock, timeout, signal }: Pick<CarryOutDeps, 'clock' | 'timeout' | 'signal'>,
	call: (signal: AbortSignal) => Promise<R>,
): Promise<R> {
	const late = new AbortController();
	const cancel = clock.after(timeout, () =>
		late.abort(hilErrors.SwitchAway(`no answer within ${timeout} ms`)),
	);
	const either = AbortSignal.any([signal, late.signal]);
	try {
		either.throwIfAborted();
		const givenUp = new Promise<never>((_, reject) => {
			either.addEventListener('abort', () => reject(either.reason), { once: true });
		});
		return await Promise.race([call(either), givenUp]);
	} finally {
		cancel();
	}
}

const codeOf = (fault: unknown): string | undefined =>
	fault instanceof BimetalError ? fault.code : undefined;
export const isAway = (fault: unknown): boolean => codeOf(fault) === 'SwitchAway';
const isRefusal = (fault: unknown): boolean => codeOf(fault) === 'SwitchRefused';
/** A fault in words. */
export const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault));
