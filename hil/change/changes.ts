import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { type Advance, advanceChange, skipUndo } from '../core/undo.ts';
import type { World } from '../core/world.ts';
import { changes } from '../model/change.ts';

export interface ChangesDeps {
	readonly store: Store;
	readonly wakeSwitch: (label: string) => void;
	/** For what the service itself asks. */
	readonly world: () => World;
	/** A change has come to an end, and that is recorded. */
	readonly onEnded: (id: string) => void;
	readonly clock: Clock;
	readonly random: () => number;
	readonly logger: Logger;
}

/** Puts changes back that came to nothing on a switch; all that is known of one stands in the store. */
export interface Changes {
	/** Takes up what the last process left. */
	start(): Promise<void>;
	/** A change was journalled, with these changes of ports. */
	begun(id: string, actions: readonly string[]): void;
	/** A change of a port has come to an end, and that is recorded. */
	actionEnded(action: string): void;
	idle(): Promise<void>;
	close(): Promise<void>;
}

export function createChanges(deps: ChangesDeps): Changes {
	const { store, clock, random, logger } = deps;
	/** The change that each action is of. */
	const changeOf = new Map<string, string>();
	const followed = new Map<string, Woken>();
	/** Faults in a row. */
	const faults = new Map<string, number>();
	let isClosed = false;

	function wake(id: string): void {
		if (isClosed) return;
		const one = followed.get(id) ?? createWoken(clock, () => follow(id));
		followed.set(id, one);
		one.wake();
	}

	/** Milliseconds after which to look again. */
	async function follow(id: string): Promise<number | undefined> {
		try {
			for (let looked: Advance = { kind: 'again' }; looked.kind !== 'waits' && !isClosed; ) {
				looked = await advance(id);
				faults.delete(id);
				if (looked.kind !== 'ended') continue;
				forget(id);
				deps.onEnded(id);
				break;
			}
			return undefined;
		} catch (fault) {
			logger.error({ err: fault, change: id }, 'a change could not be followed; it is tried again');
			const times = (faults.get(id) ?? 0) + 1;
			faults.set(id, times);
			return backOff(times, random);
		}
	}

	async function advance(id: string): Promise<Advance> {
		try {
			const looked = await store.transact(tx => advanceChange(tx, id, deps.world()));
			if (looked.kind === 'again' && looked.queued) {
				changeOf.set(looked.queued.id, id);
				deps.wakeSwitch(looked.queued.switch);
			}
			return looked;
		} catch (fault) {
			// A verb's word that it cannot be put back; anything else is a fault of ours, and tried again.
			if (!(fault instanceof BimetalError) || !fault.expose) throw fault;
			logger.warn({ err: fault, change: id }, 'a step of a change could not be put back');
			await store.transact(tx => skipUndo(tx, id, fault.message));
			return { kind: 'again' };
		}
	}

	function forget(id: string): void {
		followed.delete(id);
		for (const [action, change] of changeOf) if (change === id) changeOf.delete(action);
	}

	const idle = async (): Promise<void> => {
		for (const one of followed.values()) await one.idle();
	};
	return {
		async start() {
			const where = { index: 'open', equals: 'yes' };
			for (const { id, document } of await store.read(tx => tx.list(changes, { where }))) {
				this.begun(id, [...document.actions, ...document.undoActions]);
			}
		},
		begun(id, queued) {
			for (const action of queued) changeOf.set(action, id);
			// They may have ended before anybody noted whose they are.
			wake(id);
		},
		actionEnded(action) {
			const id = changeOf.get(action);
			if (id !== undefined) wake(id);
		},
		idle,
		async close() {
			isClosed = true;
			await Promise.all([...followed.values()].map(one => one.close()));
		},
	};
}
