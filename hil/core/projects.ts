import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { headnodes } from '../model/headnode.ts';
import { checkLabel } from '../model/label.ts';
import { attachments, networks } from '../model/network.ts';
import { attestedLabel, metadata, metadatumId, nodes, uncleanedLabel } from '../model/node.ts';
import { obmActions } from '../model/obm-action.ts';
import { projects, users } from '../model/project.ts';
import { assertAbsent, assertNone, mustFind } from './find.ts';
import { announceMaintenance } from './maintenance.ts';
import { assertQuota } from './quotas.ts';
import type { World } from './world.ts';

interface OfProject {
	readonly project: string;
}

/** All projects, by name. */
export async function listProjects(tx: ReadTransaction): Promise<string[]> {
	return (await tx.list(projects)).map(({ id }) => id).sort();
}

/** @throws DuplicateError, BadArgumentError for a name that means something else */
export async function createProject(tx: Transaction, { project }: OfProject): Promise<void> {
	checkLabel('project', project);
	// As the owner of a network, `admin` stands for the administrators.
	if (project === 'admin') throw hilErrors.BadArgumentError("A project cannot be called 'admin'.");
	await assertAbsent(tx, projects, project, `project ${project}`);
	await tx.insert(projects, project, { label: project, quota: { nodes: null, networks: null } });
}

/** Its members lose their membership with it: a later project of the same name is another one. */
export async function deleteProject(tx: Transaction, { project }: OfProject): Promise<void> {
	await mustFind(tx, projects, project, `project ${project}`);
	await assertNone(tx, nodes, 'project', project, `Project ${project} still has nodes: detach them first.`);
	await assertNone(
		tx,
		networks,
		'owner',
		project,
		`Project ${project} still owns networks: delete them first.`,
	);
	await assertNone(
		tx,
		networks,
		'access',
		project,
		`Project ${project} has access to networks: revoke it first.`,
	);
	await assertNone(
		tx,
		headnodes,
		'project',
		project,
		`Project ${project} still has headnodes: delete them first.`,
	);
	for (const { id, document } of await tx.list(users, { where: { index: 'project', equals: project } })) {
		await tx.put(users, id, { ...document, projects: document.projects.filter(each => each !== project) });
	}
	await tx.delete(projects, project);
}

/** Gives a free node to a project; its management comes disabled, as it left the last one. */
export async function connectNode(
	tx: Transaction,
	{ project, node }: OfProject & { readonly node: string },
): Promise<void> {
	await mustFind(tx, projects, project, `project ${project}`);
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	if (found.project !== null) throw hilErrors.BlockedError(`Node ${node} belongs to a project already.`);
	await assertQuota(tx, project, 'nodes');
	await tx.put(nodes, node, { ...found, project });
}

/**
 * Takes a node from a project: to the maintenance pool where there is one, else it is free.
 * @throws what assertDetachable does
 */
export async function detachNode(
	tx: Transaction,
	of: OfProject & { readonly node: string },
	world: World,
): Promise<void> {
	await assertDetachable(tx, of);
	await leaveProject(tx, of, world);
}

/** @throws NotFoundError when it is not the project's; BlockedError while it is attached, being changed, or managed */
export async function assertDetachable(
	tx: ReadTransaction,
	{ project, node }: OfProject & { readonly node: string },
): Promise<void> {
	await mustFind(tx, projects, project, `project ${project}`);
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	if (found.project !== project) throw hilErrors.NotFoundError(`Node ${node} is not in project ${project}.`);
	await assertNone(tx, attachments, 'node', node, `Node ${node} is attached to networks: detach them first.`);
	await assertNone(tx, actions, 'node', node, `Node ${node} has pending network actions: wait for them.`);
	if (found.leaving) throw hilErrors.BlockedError(`Node ${node} is leaving already.`);
	if (found.obmEnabled) {
		throw hilErrors.BlockedError(`The management of node ${node} is enabled: disable it first.`);
	}
	await assertNone(
		tx,
		obmActions,
		'node',
		node,
		`Something is being done to node ${node}, or waits to be approved: disabling its management withdraws it.`,
	);
}

/**
 * Free, or in the maintenance pool; who calls has seen that nothing of the node is in use. What its evidence said is worth
 * nothing after a project has had it; what was found in the pool, when it was looked after there, is.
 */
export async function leaveProject(
	tx: Transaction,
	{ node, project }: OfProject & { readonly node: string },
	world: World,
): Promise<void> {
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	const pool = world.maintenance;
	if (pool !== project) {
		await tx.delete(metadata, metadatumId(node, attestedLabel));
		if (world.marksUncleaned) {
			const mark = { node, label: uncleanedLabel, value: 'true' };
			await tx.put(metadata, metadatumId(node, uncleanedLabel), mark);
		}
	}
	if (pool === undefined || pool === project) {
		await tx.put(nodes, node, { ...found, project: null, leaseEnd: null });
		return;
	}
	// Never by accident free: a pool that is not there keeps the node where it is.
	await mustFind(tx, projects, pool, `maintenance project ${pool}`);
	await tx.put(nodes, node, { ...found, project: pool, leaseEnd: null });
	await announceMaintenance(tx, { node, from: project, at: world.now, id: world.newId() });
}

export async function listProjectNodes(tx: ReadTransaction, { project }: OfProject): Promise<string[]> {
	await mustFind(tx, projects, project, `project ${project}`);
	return (await tx.list(nodes, { where: { index: 'project', equals: project } })).map(({ id }) => id).sort();
}

/** The networks that it was given access to; public ones are everybody's and not among them. */
export async function listProjectNetworks(tx: ReadTransaction, { project }: OfProject): Promise<string[]> {
	await mustFind(tx, projects, project, `project ${project}`);
	return (await tx.list(networks, { where: { index: 'access', equals: project } }))
		.map(({ id }) => id)
		.sort();
}

export async function listProjectHeadnodes(tx: ReadTransaction, { project }: OfProject): Promise<string[]> {
	await mustFind(tx, projects, project, `project ${project}`);
	const found = await tx.list(headnodes, { where: { index: 'project', equals: project } });
	return found.map(({ id }) => id).sort();
}
