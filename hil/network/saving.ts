import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { SwitchDriver } from '../switches/driver.ts';
import { withinTime } from './carry-out.ts';

/** Milliseconds without a change after which a switch saves, and after which it does although changes go on. */
const quiet = 10_000;
const longest = 5 * 60_000;

export interface SavingDeps {
	readonly switch: string;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	/** Milliseconds that it may take. */
	readonly timeout: number;
}

/**
 * Lets a switch save what it was set to, where it does not by itself. Not after each change: it takes a switch many
 * seconds, in which nobody else is served.
 */
export interface Saving {
	/** What the switch runs with may not be what it would start with. */
	changed(): void;
	/** When it is to save, in time elapsed; undefined: nothing to save. */
	due(): number | undefined;
	/** Saves; a failure is logged and tried again later. */
	save(driver: SwitchDriver, signal: AbortSignal): Promise<void>;
}

export function createSaving(deps: SavingDeps): Saving {
	const { clock, random, logger } = deps;
	let since: number | undefined;
	let due = 0;
	let failures = 0;
	return {
		changed() {
			const now = clock.elapsed();
			since ??= now;
			due = Math.max(due, Math.min(now + quiet, since + longest));
		},
		due: () => (since === undefined ? undefined : due),
		async save(driver, signal) {
			try {
				await withinTime({ ...deps, signal }, async within => driver.save?.(within));
				since = undefined;
				due = 0;
				failures = 0;
			} catch (fault) {
				failures++;
				due = clock.elapsed() + quiet + backOff(failures, random);
				logger.warn({ err: fault, switch: deps.switch }, 'a switch did not save its configuration');
			}
		},
	};
}
