import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { nodes } from '../model/node.ts';
import { listBy, mustFind } from './find.ts';

/**
 * Says until when a node is its project's; null: without an end. An end that is past ends it now.
 * @throws BlockedError for a node that is free or leaving
 */
export async function setLease(
	tx: Transaction,
	{ node, until }: { readonly node: string; readonly until: string | null },
): Promise<void> {
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	if (found.project === null) throw hilErrors.BlockedError(`Node ${node} belongs to no project.`);
	if (found.leaving) throw hilErrors.BlockedError(`Node ${node} is leaving its project.`);
	await tx.put(nodes, node, { ...found, leaseEnd: until === null ? null : Date.parse(until) });
}

interface EndedLease {
	readonly node: string;
	readonly project: string;
}

/** Leases that are over by `now`, and when the next one will be. */
export async function endedLeases(
	tx: ReadTransaction,
	now: number,
): Promise<{ readonly due: readonly EndedLease[]; readonly nextEnd: number | undefined }> {
	const due: EndedLease[] = [];
	let nextEnd: number | undefined;
	for (const { label, project, leaseEnd, leaving } of await listBy(tx, nodes, 'leased', 'yes')) {
		if (leaseEnd === null || project === null || leaving) continue;
		if (leaseEnd <= now) due.push({ node: label, project });
		else nextEnd = Math.min(nextEnd ?? leaseEnd, leaseEnd);
	}
	return { due, nextEnd };
}
