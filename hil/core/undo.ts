import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { type Change, type ChangeStep, changes, type UndoStep } from '../model/change.ts';
import { nativeChannel } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { expectedOn, type Queued } from './actions.ts';
import { connectNetwork, detachNetwork } from './connections.ts';
import { mustFind } from './find.ts';
import { deleteNetwork, grantAccess, revokeAccess } from './networks.ts';
import { connectNode, detachNode } from './projects.ts';
import type { World } from './world.ts';

/** What would put a step back, seen before it is taken; `action` is filled in when it changes a port. */
export async function inverseOf(tx: ReadTransaction, step: ChangeStep): Promise<UndoStep> {
	const action = '';
	switch (step.do) {
		case 'connect_network': {
			const { node, nic, network } = step;
			return { do: 'detach_network', node, nic, network, action };
		}
		case 'detach_network': {
			const { node, nic, network } = step;
			const attached = await expectedOn(tx, `${node}/${nic}`);
			const channel = attached.find(each => each.network === network)?.channel ?? nativeChannel;
			return { do: 'connect_network', node, nic, network, channel, action };
		}
		case 'connect_node':
			return { do: 'detach_node', project: step.project, node: step.node };
		case 'detach_node': {
			const leaseEnd = (await tx.get(nodes, step.node))?.leaseEnd ?? null;
			return { do: 'connect_node', project: step.project, node: step.node, leaseEnd };
		}
		case 'create_network':
			return { do: 'delete_network', network: step.network };
		case 'delete_network':
			// Its VLAN may be another's by then.
			throw hilErrors.BadArgumentError('Networks are deleted in a change that changes no port.');
		case 'grant_access':
			return { do: 'revoke_access', network: step.network, project: step.project };
		case 'revoke_access':
			return { do: 'grant_access', network: step.network, project: step.project };
		default:
			return step satisfies never;
	}
}

/** Journals what a change has queued, to be put back if a switch refuses any of it. */
export async function recordChange(
	tx: Transaction,
	{ queued, undo }: { readonly queued: readonly Queued[]; readonly undo: readonly UndoStep[] },
	world: World,
): Promise<string> {
	const id = world.newId();
	const projects = new Set<string>();
	for (const each of queued) {
		const project = (await tx.get(actions, each.id))?.project ?? null;
		if (project !== null) projects.add(project);
	}
	const isOfPort = (step: UndoStep): boolean => 'action' in step;
	const backwards = [...undo].reverse();
	await tx.insert(changes, id, {
		status: 'PENDING',
		projects: [...projects],
		actions: queued.map(each => each.id),
		undoActions: [],
		// Nobody can be taken from a network's project while attached to it.
		undo: [...backwards.filter(isOfPort), ...backwards.filter(step => !isOfPort(step))],
		error: null,
		problems: [],
		askedAt: world.now,
	});
	return id;
}

/** What became of a change by being looked at once. */
export type Advance =
	| { readonly kind: 'waits' }
	| { readonly kind: 'ended' }
	/** Something was put back, perhaps by changing a port: look again. */
	| { readonly kind: 'again'; readonly queued?: Queued };

/**
 * Looks at what became of a change's actions, and takes the next step to put it back when one of them failed.
 * @throws what a verb throws when the step cannot be put back: `skipUndo` then goes on
 */
export async function advanceChange(tx: Transaction, id: string, world: World): Promise<Advance> {
	const found = await tx.get(changes, id);
	if (!found) return { kind: 'ended' };
	switch (found.status) {
		case 'PENDING':
			return judge(tx, id, found);
		case 'UNDOING':
			return putBack(tx, id, found, world);
		case 'DONE':
		case 'UNDONE':
		case 'ERROR':
			return { kind: 'ended' };
		default:
			return found.status satisfies never;
	}
}

async function judge(tx: Transaction, id: string, found: Change): Promise<Advance> {
	const { isOver, failures } = await outcomes(tx, found.actions);
	if (!isOver) return { kind: 'waits' };
	const [first] = failures;
	const status = first === undefined ? 'DONE' : 'UNDOING';
	await tx.put(changes, id, { ...found, status, error: first ?? null });
	return first === undefined ? { kind: 'ended' } : { kind: 'again' };
}

async function putBack(tx: Transaction, id: string, found: Change, world: World): Promise<Advance> {
	const [step, ...undo] = found.undo;
	if (step && 'action' in step) {
		const { status } = await mustFind(tx, actions, step.action, `action ${step.action} to put back`);
		const queued = status === 'DONE' ? await putBackPort(tx, step, world) : undefined;
		const undoActions = [...found.undoActions, ...(queued ? [queued.id] : [])];
		await tx.put(changes, id, { ...found, undo, undoActions });
		return queued ? { kind: 'again', queued } : { kind: 'again' };
	}
	const { isOver, failures } = await outcomes(tx, found.undoActions);
	if (!isOver) return { kind: 'waits' };
	if (step) {
		await putBackRecord(tx, step, world);
		await tx.put(changes, id, { ...found, undo });
		return { kind: 'again' };
	}
	const problems = [...found.problems, ...failures];
	await tx.put(changes, id, { ...found, status: problems.length === 0 ? 'UNDONE' : 'ERROR', problems });
	return { kind: 'ended' };
}

/** Gives up putting back what comes next, and keeps why. */
export async function skipUndo(tx: Transaction, id: string, reason: string): Promise<void> {
	const found = await mustFind(tx, changes, id, `change ${id}`);
	const [, ...undo] = found.undo;
	await tx.put(changes, id, { ...found, undo, problems: [...found.problems, reason.slice(0, 2000)] });
}

type OfPort = Extract<UndoStep, { action: string }>;

const putBackPort = (tx: Transaction, step: OfPort, world: World): Promise<Queued> =>
	step.do === 'connect_network'
		? connectNetwork(tx, { ...step, behind: true }, world)
		: detachNetwork(tx, { ...step, behind: true }, world);

async function putBackRecord(tx: Transaction, step: Exclude<UndoStep, OfPort>, world: World): Promise<void> {
	switch (step.do) {
		case 'connect_node': {
			await connectNode(tx, step);
			const node = await mustFind(tx, nodes, step.node, `node ${step.node}`);
			return tx.put(nodes, step.node, { ...node, leaseEnd: step.leaseEnd });
		}
		case 'detach_node':
			return detachNode(tx, step, world);
		case 'delete_network':
			return deleteNetwork(tx, step);
		case 'grant_access':
			return grantAccess(tx, step);
		case 'revoke_access':
			return revokeAccess(tx, step);
		default:
			return step satisfies never;
	}
}

async function outcomes(
	tx: ReadTransaction,
	ids: readonly string[],
): Promise<{ readonly isOver: boolean; readonly failures: readonly string[] }> {
	const failures: string[] = [];
	let isOver = true;
	for (const id of ids) {
		const action = await tx.get(actions, id);
		if (action?.status === 'PENDING') isOver = false;
		if (action?.status === 'ERROR')
			failures.push(`${action.node}/${action.nic}: ${action.error ?? 'refused'}`);
	}
	return { isOver, failures };
}

export interface ChangeView {
	readonly status: Change['status'];
	readonly actions: readonly string[];
	readonly error: string | null;
	readonly problems: readonly string[];
}

export async function showChange(tx: ReadTransaction, { id }: { readonly id: string }): Promise<ChangeView> {
	const {
		status,
		actions: queued,
		undoActions,
		error,
		problems,
	} = await mustFind(tx, changes, id, `change ${id}`);
	return { status, actions: [...queued, ...undoActions], error, problems };
}
