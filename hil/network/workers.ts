import type { Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { listSwitches } from '../core/switches.ts';
import { switches, switchSecrets } from '../model/switch.ts';
import type { SwitchCheck } from '../model/switch-check.ts';
import type { SwitchDriver, SwitchType } from '../switches/driver.ts';
import { type ContactState, unmet } from './contact.ts';
import type { DriftChecks } from './drift-watch.ts';
import { createInspection, describeDrift } from './inspect.ts';
import { createSwitchMetrics } from './switch-metrics.ts';
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
	/** No switch is looked at unasked when absent. */
	readonly checks?: DriftChecks | undefined;
}

/** Everything that speaks to switches, one worker for each: a slow one holds up nobody else. */
export interface Workers {
	/** Takes up what was pending when the last process ended, and looks after every switch that is recorded. */
	start(): Promise<void>;
	/** There may be something to do on a switch, or it is a new one. */
	wake(switchLabel: string): void;
	/** The switch is reached in another way, or is another one: it is asked at once, and looked at. */
	renew(switchLabel: string): void;
	/** The switch is not recorded any more. */
	forget(switchLabel: string): Promise<void>;
	/** Compares a switch with what is recorded, and puts right what differs when it is to. Throws SwitchAway, NotFoundError. */
	inspect(switchLabel: string, isRepair: boolean): Promise<SwitchCheck>;
	/** How a switch was met with last. */
	state(switchLabel: string): ContactState;
	idle(): Promise<void>;
	/** Finishes what it is doing on each switch. */
	close(): Promise<void>;
}

/** Ports that one line of the log names. */
const mostTold = 20;
const secretsOf = z.record(z.string(), z.json());

export function createWorkers(deps: WorkersDeps): Workers {
	const { store, clock, random, logger, registry, timeout = 30_000 } = deps;
	const { checks = { every: null, repair: false }, onEnded = () => undefined } = deps;
	const workers = new Map<string, { readonly worker: SwitchWorker; drop(): Promise<void> }>();
	const stateOf = (label: string): ContactState => workers.get(label)?.worker.state() ?? unmet;
	const metrics = registry && createSwitchMetrics({ registry, store, stateOf });
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
		const worker = createSwitchWorker({
			switch: label,
			store,
			driver,
			drop,
			clock,
			random,
			logger,
			timeout,
			checks,
			onOutcome: outcome => metrics?.attempted(label, outcome),
			onEnded,
			onChecked: check => tellOf(label, check),
		});
		workers.set(label, { worker, drop });
		return worker;
	}

	function tellOf(label: string, { ports, drifted }: SwitchCheck): void {
		metrics?.checked(label, drifted);
		if (drifted.length === 0) return;
		const shown = drifted.slice(0, mostTold).map(describeDrift);
		logger.warn(
			{ switch: label, ports, drifted: drifted.length, shown },
			'ports of a switch do not carry what is recorded',
		);
	}

	return {
		async start() {
			for (const label of await store.read(listSwitches)) workerOf(label).wake();
		},
		wake(label) {
			if (!isClosed) workerOf(label).wake();
		},
		renew(label) {
			if (!isClosed) workerOf(label).renew();
		},
		async forget(label) {
			const gone = workers.get(label);
			workers.delete(label);
			await gone?.worker.close();
			await gone?.drop();
		},
		async inspect(label, isRepair) {
			const worker = workerOf(label);
			const inspection = createInspection(store, label, isRepair);
			for (;;) {
				const check = await worker.inTurn(inspection.next);
				if (!check) continue;
				tellOf(label, check);
				return check;
			}
		},
		state: stateOf,
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
