import { backOff } from '../../common/back-off.ts';
import type { Clock } from '../../common/clock.ts';
import { type Booting, bootings, nicsOf } from '../model/booting.ts';
import { createTurns } from '../turns.ts';
import { networkOf, type ServeDeps, serveDisks, tellNode, withdrawDisks } from './serve-node.ts';

export interface ServedNodesDeps extends ServeDeps {
	readonly clock: Clock;
}

/** Nodes that boot from here, and are served whatever happens to those who serve them. */
export interface ServedNodes {
	/** Throws while one of them is not served: with the reason, for health checks. */
	check(): void;
	close(): Promise<void>;
}

interface Unserved {
	readonly reason: string;
	readonly attempts: number;
	readonly cancel: () => void;
}

/**
 * Serves every node that is recorded, as after a start; and again what the storage has opened anew. What fails is tried again,
 * less and less often, for as long as the node is recorded.
 */
export async function serveRecorded(deps: ServedNodesDeps): Promise<ServedNodes> {
	const { store, storage, clock, logger } = deps;
	const unserved = new Map<string, Unserved>();
	const inTurn = createTurns();
	const underWay = new Set<Promise<void>>();
	let isClosed = false;

	function attempt(node: string): Promise<void> {
		const work = inTurn(node, async () => {
			if (isClosed) return;
			const before = unserved.get(node);
			before?.cancel();
			try {
				await serveAsRecorded(deps, node);
				unserved.delete(node);
			} catch (fault) {
				// The others boot all the same.
				const attempts = (before?.attempts ?? 0) + 1;
				const reason = fault instanceof Error ? fault.message : String(fault);
				logger.error({ err: fault, node, attempts }, 'a node cannot be served its disk; it is tried again');
				const cancel = clock.after(backOff(attempts, Math.random), () => void attempt(node));
				unserved.set(node, { reason, attempts, cancel });
			}
		});
		underWay.add(work);
		return work.finally(() => underWay.delete(work));
	}

	const recorded = await store.read(tx => tx.list(bootings));
	for (const { id } of recorded) await attempt(id);
	async function serveAgain(disk: string): Promise<void> {
		const where = { index: 'disk', equals: disk };
		for (const { id } of await store.read(tx => tx.list(bootings, { where }))) await attempt(id);
	}
	const stopReattached = storage.onReattached(serveAgain);
	const all = [...deps.networks.values()].map(({ targets }) => targets);
	const stopOutages = storage.onOutage?.({
		// Before nodes can be told that their disks fail: they wait for a target that is away.
		began() {
			for (const targets of all) targets.halt();
		},
		ended() {
			for (const targets of all) targets.resume();
		},
	});
	return {
		check() {
			const said = [...unserved].map(([node, { reason }]) => `node ${node}: ${reason}`);
			if (said.length > 0) throw new Error(said.join('; '));
		},
		async close() {
			isClosed = true;
			stopReattached();
			stopOutages?.();
			for (const { cancel } of unserved.values()) cancel();
			await Promise.all(underWay);
		},
	};
}

/** An operation may record something else meanwhile: what was served that is not recorded any more is withdrawn. */
async function serveAsRecorded(deps: ServeDeps, node: string): Promise<void> {
	const read = (): Promise<Booting | undefined> => deps.store.read(tx => tx.get(bootings, node));
	for (let is = await read(); is; ) {
		await serveDisks(deps, is);
		await tellNode(deps, is);
		const now = await read();
		if (JSON.stringify(now) === JSON.stringify(is)) return;
		if (!now) {
			for (const { network, mac } of nicsOf(is)) await networkOf(deps, network).remove(mac);
			await withdrawDisks(deps, is);
		} else if (now.iqn !== is.iqn) {
			for (const { network } of nicsOf(is)) await networkOf(deps, network).targets.drop(is.iqn);
		}
		is = now;
	}
}
