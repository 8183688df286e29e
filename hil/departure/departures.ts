import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import * as core from '../core/departures.ts';
import { openFor, settleObm } from '../core/obm-actions.ts';
import type { World } from '../core/world.ts';
import { type Departure, departures } from '../model/departure.ts';
import { nodes } from '../model/node.ts';
import type { Obm, ObmOutcome } from '../obm/obm.ts';

export interface DeparturesDeps {
	readonly store: Store;
	/** Absent where the site manages no nodes: power and boot device are then left as they are. */
	readonly obm: Obm | undefined;
	readonly wakeSwitch: (label: string) => void;
	/** For what the service itself asks. */
	readonly world: () => World;
	/** A node has left: somebody may have to be told. */
	readonly onLeft: () => void;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
}

/** Takes nodes out of projects, stage by stage; all that is known of one stands in the store. */
export interface Departures {
	/** Takes up what the last process left. */
	start(): Promise<void>;
	wake(id: string): void;
	/** Changes of ports have come to an end: whoever waits for some looks again. */
	portsChanged(): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

/** What comes next: the stage is over, more is to be done at once, or after some time, or when ports have changed. */
type Next = 'stage-over' | 'at-once' | 'wait-for-ports' | 'ended' | { readonly after: number };

/** Milliseconds between looks at what others do: a host's power, another party's approval. */
const look = { power: 1000, approval: 5000 };
/** Looks after which a power-off is asked for again. */
const mostLooks = 30;

export function createDepartures(deps: DeparturesDeps): Departures {
	const { store, obm, clock, random, logger } = deps;
	const leaving = new Map<string, Woken>();
	const forPorts = new Set<string>();
	/** Looks at the power since it was asked to be off; lost in a crash, after which it is asked again. */
	const looks = new Map<string, number>();
	let isClosed = false;

	function wake(id: string): void {
		if (isClosed) return;
		const one = leaving.get(id) ?? createWoken(clock, () => run(id));
		leaving.set(id, one);
		one.wake();
	}

	/** Milliseconds after which to go on. */
	async function run(id: string): Promise<number | undefined> {
		forPorts.delete(id);
		for (let next: Next = 'at-once'; !isClosed; ) {
			try {
				next = await step(id);
				if (next === 'stage-over') await store.transact(tx => core.endStage(tx, id));
			} catch (fault) {
				next = { after: await trouble(id, fault) };
			}
			if (next === 'ended') {
				leaving.delete(id);
				return undefined;
			}
			if (next === 'wait-for-ports') {
				forPorts.add(id);
				// It may have come to an end between the look and this.
				next = { after: look.power };
			}
			if (typeof next === 'object') return next.after;
		}
		return undefined;
	}

	async function trouble(id: string, fault: unknown): Promise<number> {
		const reason = fault instanceof Error ? fault.message : String(fault);
		logger.warn({ departure: id, err: fault }, 'a node cannot leave its project yet; it is tried again');
		const attempts = await store
			.transact(async tx => {
				await core.recordTrouble(tx, id, reason);
				return (await tx.get(departures, id))?.attempts ?? 1;
			})
			.catch(() => 1);
		return backOff(attempts, random);
	}

	async function step(id: string): Promise<Next> {
		const departure = await store.read(tx => tx.get(departures, id));
		if (departure?.status !== 'PENDING') return 'ended';
		switch (departure.stage) {
			case 'power-off':
				return powerOff(id, departure);
			case 'ports':
				return clearPorts(id, departure);
			case 'boot-device':
				return resetBootDevice(id, departure);
			case 'free':
				await store.transact(tx => core.completeDeparture(tx, id, deps.world()));
				deps.onLeft();
				return 'ended';
			default:
				return departure.stage satisfies never;
		}
	}

	async function powerOff(id: string, departure: Departure): Promise<Next> {
		if (!obm) return 'stage-over';
		const uri = await uriOf(departure);
		await withdrawWaiting(obm, departure.node);
		const waits = await followed(obm, id, uri, departure, 'the power-off');
		if (waits) return waits;
		if ((await obm.state(uri)).power === 'off') {
			looks.delete(id);
			return 'stage-over';
		}
		const looked = looks.get(id) ?? mostLooks;
		if (looked < mostLooks) {
			looks.set(id, looked + 1);
			return { after: look.power };
		}
		looks.set(id, 0);
		return asked(id, await obm.power(uri, 'off'));
	}

	async function clearPorts(id: string, departure: Departure): Promise<Next> {
		const state = await store.read(tx => core.portsOf(tx, departure));
		switch (state.kind) {
			case 'none': {
				const labels = await store.transact(tx => core.revertPorts(tx, id, deps.world()));
				for (const label of new Set(labels)) deps.wakeSwitch(label);
				return labels.length === 0 ? 'stage-over' : 'wait-for-ports';
			}
			case 'pending':
				return 'wait-for-ports';
			case 'failed':
				await store.transact(tx => core.forgetPorts(tx, id));
				throw new Error(state.error);
			case 'done':
				return 'stage-over';
			default:
				return state satisfies never;
		}
	}

	async function resetBootDevice(id: string, departure: Departure): Promise<Next> {
		if (!obm) return 'stage-over';
		const uri = await uriOf(departure);
		const waits = await followed(obm, id, uri, departure, 'resetting the boot device');
		if (waits) return waits;
		if ((await obm.state(uri)).bootDevice === 'none') return 'stage-over';
		const next = await asked(id, await obm.setBootDevice(uri, 'none'));
		if (typeof next === 'object') return next;
		if ((await obm.state(uri)).bootDevice === 'none') return 'stage-over';
		throw new Error('the boot device was reset, but is shown unchanged');
	}

	/** What waits for another party: how it gets on. Undefined when nothing waits any more. */
	async function followed(
		by: Obm,
		id: string,
		uri: string,
		{ request }: Departure,
		what: string,
	): Promise<Next | undefined> {
		if (request === null) return undefined;
		const state = await by.follow(uri, request);
		if (state === 'waiting') return { after: look.approval };
		await store.transact(tx => core.holdStage(tx, id, null));
		if (state === 'done') return undefined;
		await store.transact(tx => core.failDeparture(tx, id, `${what} was not approved`));
		return 'ended';
	}

	async function asked(id: string, outcome: ObmOutcome): Promise<Next> {
		if (outcome.kind === 'done') return 'at-once';
		await store.transact(tx => core.holdStage(tx, id, outcome));
		return { after: look.approval };
	}

	/** What the project had asked for would be done to a node that is no longer its own. */
	async function withdrawWaiting(by: Obm, node: string): Promise<void> {
		for (const { id, document } of await store.read(tx => openFor(tx, node))) {
			if (document.request === null) throw new Error(`${document.type} is just being done`);
			await by.withdraw(document.uri, document.request);
			await store.transact(tx => settleObm(tx, id, 'ERROR'));
		}
	}

	const uriOf = async ({ node }: Departure): Promise<string> => {
		const found = await store.read(tx => tx.get(nodes, node));
		if (!found) throw new Error(`there is no node ${node}`);
		return found.obmUri;
	};

	const idle = async (): Promise<void> => {
		for (const one of leaving.values()) await one.idle();
	};
	return {
		async start() {
			const where = { index: 'status', equals: 'PENDING' };
			for (const { id } of await store.read(tx => tx.list(departures, { where }))) wake(id);
		},
		wake,
		portsChanged() {
			for (const id of forPorts) wake(id);
		},
		idle,
		async close() {
			isClosed = true;
			await Promise.all([...leaving.values()].map(one => one.close()));
		},
	};
}
