import type { Clock } from '../../common/clock.ts';
import type { Store } from '../../common/store/store.ts';
import { listPorts } from '../core/drift.ts';
import type { SwitchCheck } from '../model/switch-check.ts';
import type { CarryOutDeps } from './carry-out.ts';
import { createInspection, type Inspection, inspectPort } from './inspect.ts';

/** How a site has its switches compared with what is recorded. */
export interface DriftChecks {
	/** Milliseconds from one check of a switch to the next, a tenth more or less; null: nobody looks. */
	readonly every: number | null;
	/** Whether what differs is put right; else it is told only. */
	readonly repair: boolean;
}

/** Milliseconds after the start of the service within which a switch is looked at first. */
const soon = 5 * 60_000;
/** Milliseconds without an answer of the switch after which one port is glanced at: a restart takes longer than that. */
const silence = 60_000;

export interface DriftWatchDeps {
	readonly switch: string;
	readonly store: Store;
	readonly clock: Clock;
	readonly random: () => number;
	readonly checks: DriftChecks;
	/** A check has come to its end. */
	readonly onChecked: (check: SwitchCheck) => void;
}

/**
 * Has one switch checked time and again, each at a time of its own so that not all are read at once. In between one port
 * after the other is glanced at while nobody else speaks with the switch: so it is noticed when it goes away, and when it
 * comes back.
 */
export interface DriftWatch {
	/** The switch may have lost what it was set to: it is looked at next, from its first port. */
	suspect(): void;
	/** The switch has answered somebody. */
	heard(): void;
	/** When there is a port to be looked at, in time elapsed; undefined: never. */
	due(): number | undefined;
	/** Looks at one port. Throws as Inspection; then it is begun anew. */
	step(using: CarryOutDeps): Promise<void>;
}

export function createDriftWatch(deps: DriftWatchDeps): DriftWatch {
	const { store, clock, random, checks } = deps;
	const { every } = checks;
	let checkAt = clock.elapsed() + random() * Math.min(every ?? 0, soon);
	let glanceAt = clock.elapsed() + silence;
	let inspection: Inspection | undefined;
	let glances = 0;
	/** Ports of which it was told already. */
	let told: ReadonlySet<string> = new Set();

	const suspect = (): void => {
		checkAt = clock.elapsed();
		inspection = undefined;
	};

	async function inspect(using: CarryOutDeps): Promise<void> {
		inspection ??= createInspection(store, deps.switch, checks.repair);
		const check = await inspection.next(using).catch(fault => {
			inspection = undefined;
			throw fault;
		});
		if (!check) return;
		inspection = undefined;
		told = new Set(check.drifted.map(({ port }) => port));
		checkAt = clock.elapsed() + (every ?? 0) * (0.9 + 0.2 * random());
		deps.onChecked(check);
	}

	async function glance(using: CarryOutDeps): Promise<void> {
		const ports = await store.read(tx => listPorts(tx, { switch: deps.switch }));
		const port = ports[glances++ % ports.length];
		if (port !== undefined) {
			const seen = await inspectPort(store, { switch: deps.switch, port }, false, using);
			if (typeof seen === 'object' && !told.has(port)) suspect();
		}
		glanceAt = clock.elapsed() + silence;
	}

	return {
		suspect,
		heard() {
			glanceAt = clock.elapsed() + silence;
		},
		due: () => (every === null ? undefined : Math.min(checkAt, glanceAt)),
		step: using => (checkAt <= clock.elapsed() ? inspect(using) : glance(using)),
	};
}
