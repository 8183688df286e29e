import type { ReadTransaction } from '../../common/store/store.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, bootings, nicsOf } from '../model/booting.ts';
import { disks } from '../model/disk.ts';
import { operations } from '../model/operation.ts';
import type { World } from './world.ts';

export interface NodeView {
	readonly node: string;
	readonly project: string;
	/** `project/name` of its disks; it boots from the first. */
	readonly disks: readonly string[];
	readonly isRescued: boolean;
	readonly network: string;
	readonly nic: string;
	/** All of its NICs that boot, that one first, each with its network. */
	readonly nics: readonly { readonly nic: string; readonly network: string }[];
	readonly hostname: string;
	/** ISO 8601. */
	readonly since: string;
	/** When it has fetched its configuration since it was booted here last. */
	readonly configuredAt: string | null;
}

async function viewOf(tx: ReadTransaction, booting: Booting): Promise<NodeView> {
	const { node, project, network, nic, hostname, since, operation } = booting;
	const booted = operation === null ? undefined : await tx.get(operations, operation);
	const configuredAt = booted?.configuredAt ?? null;
	const names: string[] = [];
	for (const id of booting.disks) {
		const disk = await tx.get(disks, id);
		names.push(disk ? `${disk.project}/${disk.name}` : id);
	}
	return {
		node,
		project,
		disks: names,
		isRescued: booting.rescued !== null,
		network,
		nic,
		nics: nicsOf(booting).map(each => ({ nic: each.nic, network: each.network })),
		hostname,
		since: new Date(since).toISOString(),
		configuredAt: configuredAt === null ? null : new Date(configuredAt).toISOString(),
	};
}

/** Nodes of the actor's projects that boot from disks here, by name. */
export async function listNodes(tx: ReadTransaction, _: object, { actor }: World): Promise<NodeView[]> {
	const found = actor.isAdmin
		? await tx.list(bootings)
		: (
				await Promise.all(
					[...actor.projects].map(equals => tx.list(bootings, { where: { index: 'project', equals } })),
				)
			).flat();
	const views: NodeView[] = [];
	for (const { document } of found) views.push(await viewOf(tx, document));
	return views.sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** @throws NotThere for a node that boots from no disk here */
export async function findBooting(
	tx: ReadTransaction,
	{ node }: { readonly node: string },
): Promise<Booting> {
	const found = await tx.get(bootings, node);
	if (!found) throw provisionerErrors.NotThere(`Node ${node} boots from no disk here.`);
	return found;
}

export const showNode = async (tx: ReadTransaction, args: { readonly node: string }): Promise<NodeView> =>
	viewOf(tx, await findBooting(tx, args));
