import type { Clock } from '../../common/clock.ts';
import type { Store } from '../../common/store/store.ts';
import type { SwitchCheck } from '../model/switch-check.ts';
import type { CarryOutDeps } from './carry-out.ts';
import { createInspection, type Inspection } from './inspect.ts';

/** How a site has its switches compared with what is recorded. */
export interface DriftChecks {
	/** Milliseconds from one check of a switch to the next, a tenth more or less; null: nobody looks. */
	readonly every: number | null;
	/** Whether what differs is put right; else it is told only. */
	readonly repair: boolean;
}

/** Milliseconds after the start of the service within which a switch is looked at first. */
const soon = 5 * 60_000;

export interface DriftWatchDeps {
	readonly switch: string;
	readonly store: Store;
	readonly clock: Clock;
	readonly random: () => number;
	readonly checks: DriftChecks;
	/** A check has come to its end. */
	readonly onChecked: (check: SwitchCheck) => void;
}

/** Has one switch checked time and again, each at a time of its own so that not all are read at once. */
export interface DriftWatch {
	/** The switch may have lost what it was set to: it is looked at next, from its first port. */
	suspect(): void;
	/** When there is a port to be looked at, in time elapsed; undefined: never. */
	due(): number | undefined;
	/** Looks at one port. Throws as Inspection; then it is begun anew. */
	step(using: CarryOutDeps): Promise<void>;
}

export function createDriftWatch(deps: DriftWatchDeps): DriftWatch {
	const { store, clock, random, checks } = deps;
	const { every } = checks;
	let due = every === null ? undefined : clock.elapsed() + random() * Math.min(every, soon);
	let inspection: Inspection | undefined;
	return {
		suspect() {
			if (every === null) return;
			due = clock.elapsed();
			inspection = undefined;
		},
		due: () => due,
		async step(using) {
			inspection ??= createInspection(store, deps.switch, checks.repair);
			const current = inspection;
			const check = await current.next(using).catch(fault => {
				inspection = undefined;
				throw fault;
			});
			if (!check) return;
			inspection = undefined;
			if (every !== null) due = clock.elapsed() + every * (0.9 + 0.2 * random());
			deps.onChecked(check);
		},
	};
}
