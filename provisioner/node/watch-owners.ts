import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import { createWoken, type Woken } from '../../common/woken.ts';
import { type Booting, bootings } from '../model/booting.ts';
import { begin } from '../operation/journal.ts';
import type { Kind } from '../operation/kind.ts';
import type { Runner } from '../operation/runner.ts';
import type { NodeAtHil } from './node-at-hil.ts';

export interface WatchOwnersDeps {
	readonly store: Store;
	readonly nodes: Pick<NodeAtHil, 'owners'>;
	readonly kinds: Readonly<Record<string, Kind>>;
	readonly runner: Pick<Runner, 'wake'>;
	readonly newId: () => string;
	readonly clock: Clock;
	readonly logger: Logger;
}

/** Milliseconds between two looks. What is read at a boot meanwhile is asked about at that moment: may-boot.ts. */
const every = 10_000;

/**
 * Looks at hil for nodes that boot from here and are not their project's any more: a lease that is over, an administrator.
 * Whoever has such a node then must not boot it from the other's disk: it is deprovisioned, which saves the disk.
 * It looks at once.
 */
export function watchOwners(deps: WatchOwnersDeps): Woken {
	const { store, nodes, kinds, runner, clock, logger } = deps;
	const firstStage = kinds['node.deprovision']?.stages[0]?.name ?? '';

	async function part(
		tx: Transaction,
		{ node, project, disks: [disk] }: Booting,
	): Promise<string | undefined> {
		// What was recorded while hil was asked is looked at the next time.
		if ((await tx.get(bootings, node))?.project !== project) return undefined;
		const wanted = { kind: 'node.deprovision', project, node, asker: 'provisioner', ...(disk && { disk }) };
		const how = { newId: deps.newId, now: clock.now(), firstStage };
		return begin(tx, wanted, how).catch(fault => {
			// An operation that works on it meets with the same.
			if (fault instanceof BimetalError && fault.code === 'InUse') return undefined;
			throw fault;
		});
	}

	async function look(): Promise<void> {
		const recorded = await store.read(tx => tx.list(bootings));
		if (recorded.length === 0) return;
		const owners = await nodes.owners();
		for (const { document } of recorded) {
			const { node, project } = document;
			if (owners.get(node) === project) continue;
			const operation = await store.transact(tx => part(tx, document));
			if (operation === undefined) continue;
			logger.warn({ node, project, operation }, 'hil has taken a node from its project: its disk is saved');
			runner.wake(operation);
		}
	}

	const watch = createWoken(clock, async () => {
		await look().catch(fault =>
			logger.warn({ err: fault }, 'hil could not be asked whose nodes are: it is tried again'),
		);
		return every;
	});
	watch.wake();
	return watch;
}
