import { Counter, Gauge, type Registry } from 'prom-client';
import type { Store } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { switches } from '../model/switch.ts';
import { type DriftedPort, switchChecks } from '../model/switch-check.ts';
import type { ContactState } from './contact.ts';

export interface SwitchMetrics {
	/** A change of a port was tried. */
	attempted(switchLabel: string, outcome: string): void;
	/** All ports were looked at. */
	checked(switchLabel: string, drifted: readonly DriftedPort[]): void;
}

/** What is counted of switches; what stands in the store is read when somebody asks. */
export function createSwitchMetrics(deps: {
	readonly registry: Registry;
	readonly store: Store;
	readonly stateOf: (switchLabel: string) => ContactState;
}): SwitchMetrics {
	const { store, stateOf } = deps;
	const registers = [deps.registry];
	const labelNames = ['switch'] as const;
	new Gauge({
		name: 'bimetal_hil_actions_pending',
		help: 'Changes of ports that wait for their switch',
		registers,
		async collect() {
			this.set(await store.read(tx => tx.count(actions, { index: 'status', equals: 'PENDING' })));
		},
	});
	new Gauge({
		name: 'bimetal_hil_drifted_ports',
		help: 'Ports that at the last look did not carry what is recorded and were not put right, by switch',
		labelNames,
		registers,
		async collect() {
			this.reset();
			for (const { id, document } of await store.read(tx => tx.list(switchChecks)))
				this.set({ switch: id }, document.drifted.filter(({ repaired }) => !repaired).length);
		},
	});
	new Gauge({
		name: 'bimetal_hil_switch_reachable',
		help: '1 for a switch that answered when it was last asked, 0 for one that did not',
		labelNames,
		registers,
		async collect() {
			this.reset();
			for (const { id } of await store.read(tx => tx.list(switches))) {
				const { reachable } = stateOf(id);
				if (reachable !== null) this.set({ switch: id }, reachable ? 1 : 0);
			}
		},
	});
	const attempts = new Counter({
		name: 'bimetal_hil_action_attempts_total',
		help: 'Attempts to change a port, by switch and outcome: done, refused, open (to be tried again), lost',
		labelNames: ['switch', 'outcome'] as const,
		registers,
	});
	const checks = new Counter({
		name: 'bimetal_hil_drift_checks_total',
		help: 'Complete looks at a switch, by outcome: as-recorded, drifted',
		labelNames: ['switch', 'outcome'] as const,
		registers,
	});
	const repairs = new Counter({
		name: 'bimetal_hil_ports_repaired_total',
		help: 'Ports that did not carry what is recorded and were put right, by switch',
		labelNames,
		registers,
	});
	return {
		attempted: (label, outcome) => attempts.inc({ switch: label, outcome }),
		checked(label, drifted) {
			checks.inc({ switch: label, outcome: drifted.length === 0 ? 'as-recorded' : 'drifted' });
			repairs.inc({ switch: label }, drifted.filter(({ repaired }) => repaired).length);
		},
	};
}
