import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { authorize } from '../authorize/decide.ts';
import type { ActionName } from '../authorize/table.ts';
import { hilErrors } from '../errors.ts';
import type { ChangeStep, UndoStep } from '../model/change.ts';
import { attachments } from '../model/network.ts';
import { nics, nodes } from '../model/node.ts';
import { ports } from '../model/switch.ts';
import { expectedOn, type PortState, portState, type Queued } from './actions.ts';
import { connectNetwork, detachNetwork } from './connections.ts';
import { mustRelease } from './departures.ts';
import { listBy } from './find.ts';
import { createNetwork, deleteNetwork, grantAccess, revokeAccess } from './networks.ts';
import { connectNode, detachNode } from './projects.ts';
import { inverseOf, recordChange } from './undo.ts';
import type { World } from './world.ts';

const actionNames: Readonly<Record<ChangeStep['do'], ActionName>> = {
	connect_node: 'project.connect-node',
	detach_node: 'project.detach-node',
	connect_network: 'node.connect-network',
	detach_network: 'node.detach-network',
	create_network: 'network.create',
	delete_network: 'network.delete',
	grant_access: 'network.grant',
	revoke_access: 'network.revoke',
};

/** What will become of one port. */
export interface PortChange {
	readonly node: string;
	readonly nic: string;
	/** Where it is: for administrators. */
	readonly switch?: string;
	readonly port?: string;
	readonly before: PortState;
	readonly after: PortState;
}
export interface Taken {
	/** By which it is looked up; null when no port is to be changed: then it is done. */
	readonly id: string | null;
	readonly ports: readonly PortChange[];
	/** One for each step that changes a port, in their order. */
	readonly queued: readonly Queued[];
}

/**
 * Takes all steps, in order, or none: each is authorized and judged by what the ones before it have made. Changes of
 * ports come behind each other instead of being refused as busy. When a switch refuses one of them, all that was done
 * is put back.
 * @throws the error of the step that cannot be taken, with its number
 */
export async function makeChange(
	tx: Transaction,
	{ steps }: { readonly steps: readonly ChangeStep[] },
	world: World,
): Promise<Taken> {
	const queued: Queued[] = [];
	const undo: UndoStep[] = [];
	const changesPorts = steps.some(step => 'nic' in step);
	const touched = new Set<string>();
	for (const [index, step] of steps.entries()) {
		try {
			await authorize(tx, world.actor, actionNames[step.do], step);
			const inverse = changesPorts ? await inverseOf(tx, step) : undefined;
			const action = await take(tx, step, world);
			if (action && 'nic' in step) {
				queued.push(action);
				touched.add(`${step.node}/${step.nic}`);
			}
			if (inverse) undo.push('action' in inverse ? { ...inverse, action: action?.id ?? '' } : inverse);
		} catch (cause) {
			if (!(cause instanceof BimetalError) || !cause.expose) throw cause;
			const { code, message, status } = cause;
			throw new BimetalError(code, `Step ${index + 1} (${step.do}): ${message}`, {
				status,
				expose: true,
				cause,
			});
		}
	}
	await assertNoneIsFreed(tx, steps, world);
	const changed: PortChange[] = [];
	for (const id of touched) changed.push(await portChange(tx, id, world));
	const id = queued.length === 0 ? null : await recordChange(tx, { queued, undo }, world);
	return { id, ports: changed, queued };
}

/** In a change a node can go from one project to another; where nodes have to be released, it cannot become free. */
async function assertNoneIsFreed(
	tx: ReadTransaction,
	steps: readonly ChangeStep[],
	world: World,
): Promise<void> {
	if (!mustRelease(world)) return;
	for (const [index, step] of steps.entries()) {
		if (step.do !== 'detach_node') continue;
		const project = (await tx.get(nodes, step.node))?.project ?? null;
		if (project !== null && project !== world.maintenance) continue;
		throw hilErrors.BlockedError(
			`Step ${index + 1} (${step.do}): here nodes are switched off before they are free: POST /v1/project/${step.project}/release_node.`,
		);
	}
}

async function take(tx: Transaction, step: ChangeStep, world: World): Promise<Queued | undefined> {
	switch (step.do) {
		case 'connect_network':
			return connectNetwork(tx, { ...step, behind: true }, world);
		case 'detach_network':
			return detachNetwork(tx, { ...step, behind: true }, world);
		case 'connect_node':
			await connectNode(tx, step);
			break;
		case 'detach_node':
			await detachNode(tx, step, world);
			break;
		case 'create_network':
			await createNetwork(tx, step);
			break;
		case 'delete_network':
			await deleteNetwork(tx, step);
			break;
		case 'grant_access':
			await grantAccess(tx, step);
			break;
		case 'revoke_access':
			await revokeAccess(tx, step);
			break;
		default:
			step satisfies never;
	}
	return undefined;
}

async function portChange(tx: Transaction, id: string, { actor }: World): Promise<PortChange> {
	const nic = await tx.get(nics, id);
	const port = nic?.port === null || nic === undefined ? undefined : await tx.get(ports, nic.port);
	return {
		node: nic?.node ?? '',
		nic: nic?.label ?? '',
		...(actor.isAdmin && port && { switch: port.switch, port: port.label }),
		before: portState(await listBy(tx, attachments, 'nic', id)),
		after: portState(await expectedOn(tx, id)),
	};
}
