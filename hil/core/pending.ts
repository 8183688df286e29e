import type { ReadTransaction } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { departures } from '../model/departure.ts';
import { nodes } from '../model/node.ts';
import { mustFind } from './find.ts';
import { openFor } from './obm-actions.ts';

/** Something that was asked of a node and has not come to its end. */
export interface Pending {
	/** By which it is looked up: an action, or for `release` a departure. */
	readonly id: string;
	/** `modify_port`, `revert_port`, `release`, or what its management was asked for: `power_on` and the like. */
	readonly type: string;
	readonly nic: string | null;
	/** What comes onto the NIC. */
	readonly network: string | null;
	/** The parties that have not agreed yet. */
	readonly waits_for: string | null;
	/** How often it was tried in vain, and what went wrong last. */
	readonly attempts: number;
	readonly error: string | null;
	/** ISO 8601. */
	readonly asked_at: string;
}

/** Everything pending for a node, the oldest first. */
export async function listPending(
	tx: ReadTransaction,
	{ node }: { readonly node: string },
): Promise<{ readonly pending: readonly Pending[] }> {
	const { leaving } = await mustFind(tx, nodes, node, `node ${node}`);
	const found: (Omit<Pending, 'asked_at'> & { readonly askedAt: number })[] = [];
	const none = { nic: null, network: null, waits_for: null, attempts: 0, error: null };
	for (const { id, document } of await tx.list(actions, { where: { index: 'node', equals: node } })) {
		const { type, nic, network, attempts, error, askedAt } = document;
		found.push({ ...none, id, type, nic, network, attempts, error, askedAt });
	}
	for (const { id, document } of await openFor(tx, node)) {
		const { type, needs, askedAt } = document;
		found.push({ ...none, id, type, waits_for: needs || null, askedAt });
	}
	const where = { index: 'status', equals: 'PENDING' };
	for (const { id, document } of leaving ? await tx.list(departures, { where }) : []) {
		const { node: of, needs, attempts, error, askedAt } = document;
		if (of === node) found.push({ ...none, id, type: 'release', waits_for: needs, attempts, error, askedAt });
	}
	found.sort((a, b) => a.askedAt - b.askedAt);
	return {
		pending: found.map(({ askedAt, ...rest }) => ({ ...rest, asked_at: new Date(askedAt).toISOString() })),
	};
}
