import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';

/** How a switch was met with last. */
export interface ContactState {
	/** Null: nothing was asked of it since the service began. */
	readonly reachable: boolean | null;
	/** Since when, in milliseconds since the epoch. */
	readonly since: number | null;
	/** What went wrong last on it, and when. */
	readonly lastError: { readonly at: number; readonly message: string } | null;
}

/** Of a switch that nobody has spoken with. */
export const unmet: ContactState = { reachable: null, since: null, lastError: null };

/** Whether a switch answers, and when one that does not may be asked again. */
export interface Contact {
	/** It answered. True when it had not before: it may have started anew. */
	answered(): boolean;
	/** It did not. */
	missed(reason: string): void;
	/** Nothing is asked of it for a while, less and less often. */
	giveTime(): void;
	/** It is another one from now on, of which nothing is known. */
	forget(): void;
	/** Something went wrong, in words. */
	note(reason: string): void;
	/** Times in a row that it was given time. */
	times(): number;
	/** Milliseconds for which it is still given time; 0: none. */
	restLeft(): number;
	state(): ContactState;
}

export function createContact({
	clock,
	random,
}: {
	readonly clock: Clock;
	readonly random: () => number;
}): Contact {
	let times = 0;
	let until = 0;
	let state = unmet;
	const become = (reachable: boolean): void => {
		if (state.reachable !== reachable) state = { ...state, reachable, since: clock.now() };
	};
	const note = (message: string): void => {
		state = { ...state, lastError: { at: clock.now(), message: message.slice(0, 2000) } };
	};
	const giveTime = (): void => {
		times++;
		until = clock.elapsed() + backOff(times, random);
	};
	return {
		answered() {
			const isBack = state.reachable === false;
			times = 0;
			until = 0;
			become(true);
			return isBack;
		},
		missed(reason) {
			become(false);
			note(reason);
			giveTime();
		},
		giveTime,
		forget() {
			times = 0;
			until = 0;
			state = unmet;
		},
		note,
		times: () => times,
		restLeft: () => Math.max(0, until - clock.elapsed()),
		state: () => state,
	};
}
