import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { type Departure, departures, type Stage, stages } from '../model/departure.ts';
import { nics, nodes } from '../model/node.ts';
import { ports } from '../model/switch.ts';
import { queueAction } from './actions.ts';
import { listBy, mustFind } from './find.ts';
import { assertDetachable, detachNode, leaveProject } from './projects.ts';
import type { World } from './world.ts';

/**
 * Begins to take a node from its project: from now on the project can do nothing to it. It belongs to the project until
 * it is off, its ports carry nothing and it boots from nothing in particular.
 */
export async function releaseNode(
	tx: Transaction,
	{ project, node }: { readonly project: string; readonly node: string },
	world: World,
): Promise<{ readonly id: string; readonly node: string }> {
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	if (found.project !== project) throw hilErrors.NotFoundError(`Node ${node} is not in project ${project}.`);
	if (found.leaving) throw hilErrors.BlockedError(`Node ${node} is leaving already.`);
	const id = world.newId();
	await tx.put(nodes, node, { ...found, leaving: true, obmEnabled: false });
	await tx.insert(departures, id, {
		status: 'PENDING',
		node,
		project,
		stage: 'power-off',
		request: null,
		needs: null,
		actions: [],
		askedAt: world.now,
		attempts: 0,
		error: null,
	});
	return { id, node };
}

/**
 * Whether a node that the actor detaches has to be released. Administrators say for themselves what state it is in; so do
 * the site's own services.
 */
export const mustRelease = ({ detachReleases, actor }: World): boolean =>
	detachReleases === true && !actor.isAdmin;

/**
 * Detaches a node as HIL has it; where the site says so it is released instead, and free when that is done: undefined
 * when it is now.
 * @throws what assertDetachable does
 */
export async function giveBackNode(
	tx: Transaction,
	of: { readonly project: string; readonly node: string },
	world: World,
): Promise<{ readonly id: string; readonly node: string } | undefined> {
	if (mustRelease(world)) {
		await assertDetachable(tx, of);
		return releaseNode(tx, of, world);
	}
	await detachNode(tx, of, world);
	return undefined;
}

export interface DepartureView {
	readonly status: Departure['status'];
	readonly node: string;
	readonly project: string;
	readonly stage: Stage;
	readonly waits_for: string | null;
	readonly attempts: number;
	readonly error: string | null;
}

export async function showDeparture(
	tx: ReadTransaction,
	{ id }: { readonly id: string },
): Promise<DepartureView> {
	const { status, node, project, stage, needs, attempts, error } = await mustFind(
		tx,
		departures,
		id,
		`departure ${id}`,
	);
	return { status, node, project, stage, waits_for: needs, attempts, error };
}

/** The stage is over; what belongs to it is forgotten. */
export async function endStage(tx: Transaction, id: string): Promise<void> {
	await change(tx, id, found => {
		const next = stages[stages.indexOf(found.stage) + 1] ?? 'free';
		return { ...found, stage: next, request: null, needs: null, actions: [], error: null };
	});
}

/** What was asked of the proxy waits there. */
export const holdStage = (
	tx: Transaction,
	id: string,
	waiting: { readonly request: string; readonly needs: string } | null,
): Promise<void> =>
	change(tx, id, found => ({
		...found,
		request: waiting?.request ?? null,
		needs: waiting?.needs ?? null,
	}));

export const recordTrouble = (tx: Transaction, id: string, error: string): Promise<void> =>
	change(tx, id, found => ({ ...found, attempts: found.attempts + 1, error: error.slice(0, 2000) }));

/** It does not come to pass: the node stays its project's. */
export async function failDeparture(tx: Transaction, id: string, error: string): Promise<void> {
	await change(tx, id, found => ({ ...found, status: 'ERROR', error: error.slice(0, 2000) }));
	const { node } = await mustFind(tx, departures, id, `departure ${id}`);
	const found = await tx.get(nodes, node);
	if (found) await tx.put(nodes, node, { ...found, leaving: false });
}

/** Asks for every port of the node to carry nothing, also where nothing is recorded; the switches to be woken. */
export async function revertPorts(tx: Transaction, id: string, world: World): Promise<string[]> {
	const { node, project } = await mustFind(tx, departures, id, `departure ${id}`);
	const queued: { id: string; switch: string }[] = [];
	for (const nic of await listBy(tx, nics, 'node', node)) {
		if (nic.port === null) continue;
		const port = await mustFind(tx, ports, nic.port, `port ${nic.port}`);
		const wanted = { type: 'revert_port', channel: '', network: null, vlan: null } as const;
		queued.push(await queueAction(tx, { ...wanted, node, nic, port, project }, world));
	}
	await change(tx, id, found => ({ ...found, actions: queued.map(each => each.id) }));
	return queued.map(each => each.switch);
}

/** How the changes of ports that the stage waits for are getting on. */
export async function portsOf(
	tx: ReadTransaction,
	departure: Departure,
): Promise<
	{ readonly kind: 'none' | 'pending' | 'done' } | { readonly kind: 'failed'; readonly error: string }
> {
	if (departure.actions.length === 0) return { kind: 'none' };
	let isPending = false;
	for (const id of departure.actions) {
		const action = await tx.get(actions, id);
		// What nobody knows the end of was not seen to be done.
		if (action === undefined || action.status === 'ERROR')
			return { kind: 'failed', error: action?.error ?? 'a port could not be cleared' };
		isPending ||= action.status === 'PENDING';
	}
	return { kind: isPending ? 'pending' : 'done' };
}

/** The ports are to be asked for again. */
export const forgetPorts = (tx: Transaction, id: string): Promise<void> =>
	change(tx, id, found => ({ ...found, actions: [] }));

/** Everything was seen to be done: the node is free, or in the maintenance pool. */
export async function completeDeparture(tx: Transaction, id: string, world: World): Promise<void> {
	const { node, project } = await mustFind(tx, departures, id, `departure ${id}`);
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	await tx.put(nodes, node, { ...found, leaving: false, obmEnabled: false });
	await leaveProject(tx, { node, project }, world);
	await change(tx, id, each => ({ ...each, status: 'DONE', error: null }));
}

async function change(tx: Transaction, id: string, how: (found: Departure) => Departure): Promise<void> {
	const found = await tx.get(departures, id);
	if (found?.status === 'PENDING') await tx.put(departures, id, how(found));
}
