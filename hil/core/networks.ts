import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { isMember } from '../authorize/actor.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { hnics } from '../model/headnode.ts';
import { checkLabel } from '../model/label.ts';
import { attachments, channelsOf, type Network, networks } from '../model/network.ts';
import { projects } from '../model/project.ts';
import { assertAbsent, assertNone, listBy, mustFind } from './find.ts';
import { assertQuota } from './quotas.ts';
import { allocateVlan, claimVlan, releaseVlan } from './vlans.ts';
import type { World } from './world.ts';

interface OfNetwork {
	readonly network: string;
}

export type NetworkList = Record<string, { network_id: string; projects: string[] | null }>;

/** All of them for administrators, the public ones for everybody else. */
export async function listNetworks(tx: ReadTransaction, _: object, { actor }: World): Promise<NetworkList> {
	const found = await tx.list(
		networks,
		actor.isAdmin ? {} : { where: { index: 'visibility', equals: 'public' } },
	);
	return Object.fromEntries(
		found.map(({ id, document: { vlan, access } }) => [
			id,
			{ network_id: String(vlan), projects: access && [...access].sort() },
		]),
	);
}

/**
 * Makes a network. A project's own: `owner` and `access` are the project, `net_id` is empty. The administrators':
 * `owner` is `admin`, `access` a project or empty (public), `net_id` a VLAN or empty (any of the pool).
 */
export async function createNetwork(
	tx: Transaction,
	args: OfNetwork & { readonly owner: string; readonly access: string; readonly net_id: string },
): Promise<void> {
	const { network, owner, access, net_id } = args;
	checkLabel('network', network);
	await assertAbsent(tx, networks, network, `network ${network}`);
	const isAdmins = owner === 'admin';
	if (!isAdmins) {
		await mustFind(tx, projects, owner, `project ${owner}`);
		if (access !== owner)
			throw hilErrors.BadArgumentError("A project's network must be accessible to its owner.");
		await assertQuota(tx, owner, 'networks');
		if (net_id !== '') throw hilErrors.BadArgumentError("The VLAN of a project's network cannot be chosen.");
	} else if (access !== '') await mustFind(tx, projects, access, `project ${access}`);
	const chosen =
		net_id === ''
			? { vlan: await allocateVlan(tx, network), allocated: true }
			: await claimVlan(tx, network, net_id);
	await tx.insert(networks, network, {
		label: network,
		owner: isAdmins ? null : owner,
		access: access === '' ? null : [access],
		...chosen,
	});
}

export async function deleteNetwork(tx: Transaction, { network }: OfNetwork): Promise<void> {
	const { vlan } = await mustFind(tx, networks, network, `network ${network}`);
	await assertNone(tx, attachments, 'network', network, `Nodes are attached to network ${network}.`);
	await assertNone(tx, hnics, 'network', network, `Headnodes are attached to network ${network}.`);
	await assertNone(tx, actions, 'network', network, `Actions on network ${network} are pending.`);
	await releaseVlan(tx, vlan);
	await tx.delete(networks, network);
}

export interface NetworkView {
	readonly name: string;
	readonly channels: readonly string[];
	/** `admin` for the administrators'. */
	readonly owner: string;
	/** Null: public. */
	readonly access: readonly string[] | null;
	/** NICs by node: of all for the owner, of the own projects for others. */
	readonly 'connected-nodes': Readonly<Record<string, readonly string[]>>;
}

export async function showNetwork(
	tx: ReadTransaction,
	{ network }: OfNetwork,
	{ actor }: World,
): Promise<NetworkView> {
	const found = await mustFind(tx, networks, network, `network ${network}`);
	const connected: Record<string, string[]> = Object.create(null);
	for (const { node, nic, project } of await listBy(tx, attachments, 'network', network)) {
		if (!isMember(actor, found.owner) && !isMember(actor, project)) continue;
		connected[node] = [...(connected[node] ?? []), nic];
	}
	return {
		name: network,
		channels: channelsOf(found),
		owner: found.owner ?? 'admin',
		access: found.access,
		'connected-nodes': { ...connected },
	};
}

export type AttachmentList = Record<string, { nic: string; channel: string; project: string }>;

/** By node, of one project or of all. A node with two NICs on it shows with one: HIL's answer has no room for both. */
export async function listAttachments(
	tx: ReadTransaction,
	{ network, project }: OfNetwork & { readonly project?: string | undefined },
): Promise<AttachmentList> {
	await mustFind(tx, networks, network, `network ${network}`);
	if (project !== undefined) await mustFind(tx, projects, project, `project ${project}`);
	const found =
		project === undefined
			? await listBy(tx, attachments, 'network', network)
			: await listBy(tx, attachments, 'use', `${network}/${project}`);
	return Object.fromEntries(
		found.map(({ node, nic, channel, project: of }) => [node, { nic, channel, project: of }]),
	);
}

interface OfAccess extends OfNetwork {
	readonly project: string;
}

export async function grantAccess(tx: Transaction, { network, project }: OfAccess): Promise<void> {
	const found = await mustFind(tx, networks, network, `network ${network}`);
	await mustFind(tx, projects, project, `project ${project}`);
	// A list made of this one project would shut all others out.
	if (found.access === null)
		throw hilErrors.DuplicateError(`Network ${network} is public: everybody has access.`);
	if (found.access.includes(project)) {
		throw hilErrors.DuplicateError(`Project ${project} has access to network ${network} already.`);
	}
	await tx.put(networks, network, { ...found, access: [...found.access, project] });
}

/** Takes access away, down to nobody: a network never becomes public by this. */
export async function revokeAccess(tx: Transaction, { network, project }: OfAccess): Promise<void> {
	const found = await mustFind(tx, networks, network, `network ${network}`);
	await mustFind(tx, projects, project, `project ${project}`);
	if (!found.access?.includes(project)) {
		throw hilErrors.NotFoundError(`Project ${project} was not given access to network ${network}.`);
	}
	if (found.owner === project) {
		throw hilErrors.BlockedError(`Project ${project} owns network ${network}: its access cannot be taken.`);
	}
	const use = `${network}/${project}`;
	await assertNone(
		tx,
		attachments,
		'use',
		use,
		`Nodes of project ${project} are attached to network ${network}.`,
	);
	await assertNone(
		tx,
		hnics,
		'use',
		use,
		`Headnodes of project ${project} are attached to network ${network}.`,
	);
	await assertNone(
		tx,
		actions,
		'use',
		use,
		`A node of project ${project} is just being attached to ${network}.`,
	);
	await tx.put(networks, network, { ...found, access: found.access.filter(each => each !== project) });
}

/** Whether a project's nodes may be attached to it. */
export const isAccessible = ({ access }: Network, project: string): boolean =>
	access === null || access.includes(project);
