import type { Store } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { changes } from '../model/change.ts';
import { obmActions } from '../model/obm-action.ts';

const page = 500;

/** Forgets what was asked for and ended before `until`, a page in each transaction. */
export async function pruneActions(store: Store, until: number): Promise<void> {
	for (const collection of [actions, obmActions, changes] as const) {
		for (const status of ['DONE', 'ERROR', 'UNDONE']) {
			const where = { index: 'status', equals: status };
			for (let after: string | undefined = ''; after !== undefined; ) {
				const from: string = after;
				after = await store.transact(async tx => {
					const found = await tx.list<{ askedAt: number }>(collection as never, {
						where,
						after: from,
						limit: page,
					});
					for (const { id, document } of found)
						if (document.askedAt < until) await tx.delete(collection as never, id);
					return found.length === page ? found.at(-1)?.id : undefined;
				});
			}
		}
	}
}
