import { Counter, Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { pendingSwitches } from '../core/actions.ts';
import { actions } from '../model/action.ts';
import { switches, switchSecrets } from '../model/switch.ts';
import type { SwitchDriver, SwitchType } from '../switches/driver.ts';
import { type DriftedPort, inspectSwitch } from './inspect.ts';
import { createSwitchWorker, type SwitchWorker } from './switch-worker.ts';

export interface WorkersDeps {
	readonly store: Store;
	readonly types: ReadonlyMap<string, SwitchType>;
	/** Opens what World.seal has sealed. */
	readonly unseal: (sealed: string) => string;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
	readonly registry?: Registry | undefined;
	/** An action has come to an end. */
	readonly onEnded?: ((id: string) => void) | undefined;
	/** Milliseconds that one call of a driver may take; 30,000 when absent. */
	readonly timeout?: number | undefined;
}

/** Everything that speaks to switches, one worker for each: a slow one holds up nobody else. */
export interface Workers {
	/** Takes up what was pending when the last process ended. */
	start(): Promise<void>;
	wake(switchLabel: string): void;
	/** Compares a switch with what is recorded, and puts right what differs when it is to. */
	inspect(switchLabel: string, isRepair: boolean): Promise<DriftedPort[]>;
	idle(): Promise<void>;
	/** Finishes what it is doing on each switch. */
	close(): Promise<void>;
}

const secretsOf = z.record(z.string(), z.json());

export function createWorkers(deps: WorkersDeps): Workers {
	const { store, clock, random, logger, registry, timeout = 30_000 } = deps;
	const workers = new Map<string, { readonly worker: SwitchWorker; drop(): Promise<void> }>();
	const outcomes = registry && countOutcomes(registry, store);
	let isClosed = false;

	function workerOf(label: string): SwitchWorker {
		const known = workers.get(label);
		if (known) return known.worker;
		let open: { readonly by: string; readonly driver: SwitchDriver } | undefined;
		const drop = async (): Promise<void> => {
			const last = open;
			open = undefined;
			await last?.driver.close().catch(fault => logger.warn({ err: fault }, 'a connection did not end well'));
		};
		/** A switch that was registered anew is another one. */
		const driver = async (): Promise<SwitchDriver> => {
			const [recorded, secrets] = await store.read(async tx => [
				await tx.get(switches, label),
				await tx.get(switchSecrets, label),
			]);
			const type = recorded && deps.types.get(recorded.type);
			if (!recorded || !type) throw new Error(`there is no driver for switch ${label} (${recorded?.type})`);
			const by = JSON.stringify([recorded, secrets]);
			if (open?.by === by) return open.driver;
			await drop();
			const opened = secrets ? secretsOf.parse(JSON.parse(deps.unseal(secrets.sealed))) : {};
			open = { by, driver: type.open({ ...recorded.settings, ...opened }) };
			return open.driver;
		};
		const onOutcome = (outcome: string) => outcomes?.inc({ switch: label, outcome });
		const { onEnded = () => undefined } = deps;
		const worker = createSwitchWorker({
			switch: label,
			store,
			driver,
			drop,
			clock,
			random,
			logger,
			timeout,
			onOutcome,
			onEnded,
		});
		workers.set(label, { worker, drop });
		return worker;
	}

	return {
		async start() {
			for (const label of await store.read(pendingSwitches)) workerOf(label).wake();
		},
		wake(label) {
			if (!isClosed) workerOf(label).wake();
		},
		inspect: async (label, isRepair) =>
			workerOf(label).inTurn(using => inspectSwitch(store, label, isRepair, using)),
		async idle() {
			for (const { worker } of workers.values()) await worker.idle();
		},
		async close() {
			isClosed = true;
			await Promise.all(
				[...workers.values()].map(async ({ worker, drop }) => {
					await worker.close();
					await drop();
				}),
			);
		},
	};
}

function countOutcomes(registry: Registry, store: Store): Counter<'switch' | 'outcome'> {
	new Gauge({
		name: 'bimetal_hil_actions_pending',
		help: 'Changes of ports that wait for their switch',
		registers: [registry],
		async collect() {
			this.set(await store.read(tx => tx.count(actions, { index: 'status', equals: 'PENDING' })));
		},
	});
	return new Counter({
		name: 'bimetal_hil_action_attempts_total',
		help: 'Attempts to change a port, by switch and outcome: done, refused, open (to be tried again), lost',
		labelNames: ['switch', 'outcome'] as const,
		registers: [registry],
	});
}
