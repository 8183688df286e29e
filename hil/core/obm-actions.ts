import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { nodes } from '../model/node.ts';
import { type ObmAction, obmActions } from '../model/obm-action.ts';
import { mustFind } from './find.ts';
import type { World } from './world.ts';

/** Where the node's management is, for one who may use it now. */
export async function useObm(tx: ReadTransaction, { node }: { readonly node: string }): Promise<Target> {
	const { obmEnabled, obmUri, project } = await mustFind(tx, nodes, node, `node ${node}`);
	if (!obmEnabled) {
		throw hilErrors.BlockedError(`The management of node ${node} is disabled: enable it first.`);
	}
	return { uri: obmUri, project };
}

export interface Target {
	readonly uri: string;
	readonly project: string | null;
}

/** What is about to be done to a node: journalled, so that the node does not change hands meanwhile. */
export interface BegunObm extends Target {
	readonly id: string;
	readonly node: string;
	readonly type: string;
}

export async function beginObm(
	tx: Transaction,
	{ node, type }: { readonly node: string; readonly type: string },
	world: World,
): Promise<BegunObm> {
	const target = await useObm(tx, { node });
	const id = world.newId();
	const begun = { node, type, ...target };
	await tx.insert(obmActions, id, {
		status: 'PENDING',
		...begun,
		request: null,
		needs: '',
		askedAt: world.now,
	});
	return { id, ...begun };
}

/** Another party must agree first. */
export async function holdObm(
	tx: Transaction,
	id: string,
	{ request, needs }: { readonly request: string; readonly needs: string },
): Promise<void> {
	const found = await tx.get(obmActions, id);
	if (found?.status === 'PENDING') await tx.put(obmActions, id, { ...found, request, needs });
}

/** It is over. What never waited is forgotten: its caller has the answer. */
export async function settleObm(tx: Transaction, id: string, status: 'DONE' | 'ERROR'): Promise<void> {
	const found = await tx.get(obmActions, id);
	if (found?.status !== 'PENDING') return;
	if (found.request === null) await tx.delete(obmActions, id);
	else await tx.put(obmActions, id, { ...found, status });
}

/** After a crash: nobody knows what became of what was being asked, and nobody is there to be told. */
export async function forgetInterruptedObm(tx: Transaction): Promise<void> {
	for (const { id, document } of await tx.list(obmActions, {
		where: { index: 'status', equals: 'PENDING' },
	})) {
		if (document.request === null) await tx.delete(obmActions, id);
	}
}

/** What is open for a node, with its ids. */
export const openFor = (tx: ReadTransaction, node: string): Promise<{ id: string; document: ObmAction }[]> =>
	tx.list(obmActions, { where: { index: 'node', equals: node } });
