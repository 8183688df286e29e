import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { type Headnode, type Hnic, headnodes, hnicId, hnics } from '../model/headnode.ts';
import { checkLabel } from '../model/label.ts';
import { networks } from '../model/network.ts';
import { projects } from '../model/project.ts';
import { assertAbsent, listBy, mustFind } from './find.ts';
import { isAccessible } from './networks.ts';
import type { World } from './world.ts';

interface OfHeadnode {
	readonly headnode: string;
}

/** What a hypervisor needs to run one. */
export interface HeadnodeMachine {
	readonly headnode: Headnode;
	readonly nics: readonly { readonly label: string; readonly vlan: number | null }[];
}

const find = (tx: ReadTransaction, { headnode }: OfHeadnode): Promise<Headnode> =>
	mustFind(tx, headnodes, headnode, `headnode ${headnode}`);

/** Names of the images, in order. */
export const listImages = async (_tx: ReadTransaction, _: object, { images }: World): Promise<string[]> =>
	[...images].sort();

export async function createHeadnode(
	tx: Transaction,
	{ headnode, project, base_img }: OfHeadnode & { readonly project: string; readonly base_img: string },
	world: World,
): Promise<void> {
	if (!world.images.includes(base_img)) {
		const known = world.images.length > 0 ? world.images.join(', ') : 'this site has none';
		throw hilErrors.BadArgumentError(`'${base_img}' is no image for headnodes; the images: ${known}.`);
	}
	checkLabel('headnode', headnode);
	await assertAbsent(tx, headnodes, headnode, `headnode ${headnode}`);
	await mustFind(tx, projects, project, `project ${project}`);
	const uuid = world.newId();
	await tx.insert(headnodes, headnode, { label: headnode, project, baseImage: base_img, uuid, dirty: true });
}

export interface HeadnodeView {
	readonly name: string;
	readonly project: string;
	readonly hnics: readonly string[];
	readonly uuid: string;
	readonly base_img: string;
}

export async function showHeadnode(tx: ReadTransaction, of: OfHeadnode): Promise<HeadnodeView> {
	const { label, project, uuid, baseImage } = await find(tx, of);
	const own = await listBy(tx, hnics, 'headnode', label);
	return { name: label, project, hnics: own.map(each => each.label), uuid, base_img: baseImage };
}

export async function describeMachine(tx: ReadTransaction, of: OfHeadnode): Promise<HeadnodeMachine> {
	const headnode = await find(tx, of);
	const nics: { label: string; vlan: number | null }[] = [];
	for (const { label, network } of await listBy(tx, hnics, 'headnode', headnode.label)) {
		const found = network === null ? undefined : await tx.get(networks, network);
		nics.push({ label, vlan: found?.vlan ?? null });
	}
	return { headnode, nics };
}

/** From its first start on it can only be started, stopped and deleted. */
export async function freezeHeadnode(tx: Transaction, of: OfHeadnode): Promise<HeadnodeMachine> {
	const machine = await describeMachine(tx, of);
	await tx.put(headnodes, of.headnode, { ...machine.headnode, dirty: false });
	return machine;
}

/** Its first start came to nothing: it can be changed again. */
export async function thawHeadnode(tx: Transaction, of: OfHeadnode): Promise<void> {
	const headnode = await find(tx, of);
	await tx.put(headnodes, of.headnode, { ...headnode, dirty: true });
}

/** Its virtual machine is gone by then; its NICs go with it. */
export async function deleteHeadnode(tx: Transaction, of: OfHeadnode): Promise<void> {
	await find(tx, of);
	for (const { label } of await listBy(tx, hnics, 'headnode', of.headnode)) {
		await tx.delete(hnics, hnicId({ ...of, hnic: label }));
	}
	await tx.delete(headnodes, of.headnode);
}

interface OfHnic extends OfHeadnode {
	readonly hnic: string;
}

async function findHnic(tx: ReadTransaction, of: OfHnic): Promise<Hnic> {
	await find(tx, of);
	return mustFind(tx, hnics, hnicId(of), `hnic ${of.hnic} on headnode ${of.headnode}`);
}

async function assertDirty(tx: ReadTransaction, of: OfHeadnode): Promise<void> {
	const { dirty } = await find(tx, of);
	if (!dirty)
		throw hilErrors.IllegalStateError(`Headnode ${of.headnode} was started: it cannot be changed any more.`);
}

export async function createHnic(tx: Transaction, of: OfHnic): Promise<void> {
	const { project } = await find(tx, of);
	checkLabel('hnic', of.hnic);
	await assertAbsent(tx, hnics, hnicId(of), `hnic ${of.hnic} on headnode ${of.headnode}`);
	await assertDirty(tx, of);
	await tx.insert(hnics, hnicId(of), { headnode: of.headnode, label: of.hnic, project, network: null });
}

export async function deleteHnic(tx: Transaction, of: OfHnic): Promise<void> {
	await findHnic(tx, of);
	await assertDirty(tx, of);
	await tx.delete(hnics, hnicId(of));
}

/** @throws BadArgumentError for a network whose VLAN is not of the pool: headnodes are not on such (HIL's #333) */
export async function connectHnic(tx: Transaction, of: OfHnic & { readonly network: string }): Promise<void> {
	const found = await findHnic(tx, of);
	const network = await mustFind(tx, networks, of.network, `network ${of.network}`);
	if (!network.allocated) {
		throw hilErrors.BadArgumentError('Headnodes can only be connected to networks with a VLAN of the pool.');
	}
	await assertDirty(tx, of);
	if (!isAccessible(network, found.project)) {
		throw hilErrors.ProjectMismatchError(`Project ${found.project} has no access to network ${of.network}.`);
	}
	await tx.put(hnics, hnicId(of), { ...found, network: of.network });
}

export async function detachHnic(tx: Transaction, of: OfHnic): Promise<void> {
	const found = await findHnic(tx, of);
	await assertDirty(tx, of);
	await tx.put(hnics, hnicId(of), { ...found, network: null });
}
