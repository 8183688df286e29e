import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { nodes } from '../model/node.ts';
import { releaseNode } from './departures.ts';
import { listBy, mustFind } from './find.ts';
import type { World } from './world.ts';

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

/** Nodes whose lease is over by `now`, and when the next one will be. */
export async function endedLeases(
	tx: ReadTransaction,
	now: number,
): Promise<{ readonly due: readonly string[]; readonly nextEnd: number | undefined }> {
	const due: string[] = [];
	let nextEnd: number | undefined;
	for (const { label, project, leaseEnd, leaving } of await listBy(tx, nodes, 'leased', 'yes')) {
		if (leaseEnd === null || project === null || leaving) continue;
		if (leaseEnd <= now) due.push(label);
		else nextEnd = Math.min(nextEnd ?? leaseEnd, leaseEnd);
	}
	return { due, nextEnd };
}

/**
 * Begins to take a node from its project if its lease is over now: it may have been given back since somebody looked, and
 * be somebody's by another lease.
 */
export async function endLease(
	tx: Transaction,
	node: string,
	world: World,
): Promise<{ readonly id: string; readonly project: string } | undefined> {
	const found = await tx.get(nodes, node);
	if (!found || found.project === null || found.leaving) return undefined;
	if (found.leaseEnd === null || found.leaseEnd > world.now) return undefined;
	const { project } = found;
	return { ...(await releaseNode(tx, { node, project }, world)), project };
}
