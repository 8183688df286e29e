import type { ReadTransaction, Store } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { changes } from '../model/change.ts';
import { departures } from '../model/departure.ts';
import { obmActions } from '../model/obm-action.ts';

const page = 500;

/**
 * Forgets what was asked for before `until` and has ended, a page in each transaction; but not changes of ports that
 * something goes by which has not ended itself.
 */
export async function pruneActions(store: Store, until: number): Promise<void> {
	for (const collection of [actions, obmActions, changes, departures] as const) {
		for (const status of ['DONE', 'ERROR', 'UNDONE']) {
			const where = { index: 'status', equals: status };
			for (let after: string | undefined = ''; after !== undefined; ) {
				const from: string = after;
				const found = await store.read(tx =>
					tx.list<{ askedAt: number }>(collection as never, { where, after: from, limit: page }),
				);
				const old = found.filter(({ document }) => document.askedAt < until);
				if (old.length > 0) {
					await store.transact(async tx => {
						const needed = await neededActions(tx);
						for (const { id } of old) if (!needed.has(id)) await tx.delete(collection as never, id);
					});
				}
				after = found.length === page ? found.at(-1)?.id : undefined;
			}
		}
	}
}

/** By whose outcome changes and departures go on. */
async function neededActions(tx: ReadTransaction): Promise<ReadonlySet<string>> {
	const open = await tx.list(changes, { where: { index: 'open', equals: 'yes' } });
	const leaving = await tx.list(departures, { where: { index: 'status', equals: 'PENDING' } });
	return new Set([
		...open.flatMap(({ document }) => [...document.actions, ...document.undoActions]),
		...leaving.flatMap(({ document }) => document.actions),
	]);
}
