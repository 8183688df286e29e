import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { type ObmAction, obmActions } from '../model/obm-action.ts';

interface Waiting extends Pick<ObmAction, 'node' | 'project' | 'type' | 'uri' | 'request' | 'needs'> {
	readonly id: string;
}

/** Records that something waits for another party. */
export async function recordObmAction(tx: Transaction, { id, ...rest }: Waiting, now: number): Promise<void> {
	await tx.insert(obmActions, id, { status: 'PENDING', ...rest, askedAt: now });
}

export async function settleObmAction(
	tx: Transaction,
	id: string,
	status: ObmAction['status'],
): Promise<void> {
	const found = await tx.get(obmActions, id);
	if (found?.status === 'PENDING') await tx.put(obmActions, id, { ...found, status });
}

/** What waits for a node, with its ids. */
export const waitingFor = (
	tx: ReadTransaction,
	node: string,
): Promise<{ id: string; document: ObmAction }[]> =>
	tx.list(obmActions, { where: { index: 'node', equals: node } });
