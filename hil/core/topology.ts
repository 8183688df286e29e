import type { ReadTransaction } from '../../common/store/store.ts';
import { actions } from '../model/action.ts';
import { attachments } from '../model/network.ts';
import { type Nic, nics, nodes } from '../model/node.ts';
import { projects } from '../model/project.ts';
import { portId, ports, switches } from '../model/switch.ts';
import { listBy, mustFind } from './find.ts';
import type { World } from './world.ts';

/** What a NIC is attached to. */
interface Carried {
	readonly networks: readonly { readonly network: string; readonly channel: string; readonly vlan: number }[];
	/** A change of it is queued: the networks are those of before. */
	readonly pending: boolean;
}

export interface TopologyNode {
	readonly name: string;
	readonly project: string | null;
	readonly nics: readonly (Carried & {
		readonly label: string;
		readonly macaddr: string;
		/** Where it is plugged in; absent for those who are not told. */
		readonly switch?: string | null;
		readonly port?: string | null;
	})[];
}

interface Page {
	readonly limit?: number | undefined;
	readonly after?: string | undefined;
}

interface OfTopology {
	readonly project?: string | undefined;
	/** That one alone. */
	readonly node?: string | undefined;
}

/** How many nodes or ports a page has, unless another number is asked for. */
const usual = 100;

/**
 * How nodes are connected, in the order of their names: of one project, or of all that the actor is a member of; for
 * administrators, of all. A page costs as much as it shows, however many nodes there are.
 */
export async function showTopology(
	tx: ReadTransaction,
	{ project, node, limit = usual, after = '' }: Page & OfTopology,
	world: World,
): Promise<{ nodes: TopologyNode[]; next: string | null }> {
	if (project !== undefined) await mustFind(tx, projects, project, `project ${project}`);
	const { actor, showsPortsToProjects = false } = world;
	const whose = project === undefined ? (actor.isAdmin ? undefined : [...actor.projects]) : [project];
	// One more than is shown tells whether there is another page.
	const candidates: { id: string; project: string | null }[] = [];
	if (node !== undefined) {
		const found = await tx.get(nodes, node);
		const isShown =
			found && (whose === undefined || (found.project !== null && whose.includes(found.project)));
		if (isShown && node > after) candidates.push({ id: node, project: found.project });
	} else
		for (const where of whose?.map(equals => ({ index: 'project', equals })) ?? [undefined]) {
			const found = await tx.list(nodes, { ...(where && { where }), after, limit: limit + 1 });
			candidates.push(...found.map(({ id, document }) => ({ id, project: document.project })));
		}
	candidates.sort((a, b) => (a.id < b.id ? -1 : 1));
	const page = candidates.slice(0, limit);
	const shown: TopologyNode[] = [];
	for (const { id, project: of } of page) {
		const own: TopologyNode['nics'][number][] = [];
		for (const nic of await listBy(tx, nics, 'node', id)) {
			const place = actor.isAdmin || showsPortsToProjects ? await placeOf(tx, nic) : {};
			own.push({ label: nic.label, macaddr: nic.mac, ...place, ...(await carriedBy(tx, id, nic.label)) });
		}
		shown.push({ name: id, project: of, nics: own });
	}
	return { nodes: shown, next: candidates.length > limit ? (page.at(-1)?.id ?? null) : null };
}

export interface TopologyPort extends Carried {
	readonly port: string;
	/** Null when nothing is plugged in. */
	readonly node: string | null;
	readonly nic: string | null;
	readonly project: string | null;
}

/** A switch's ports in the order of their names: what is plugged in, whose it is, and what it carries. */
export async function showPorts(
	tx: ReadTransaction,
	{ switch: label, limit = usual, after }: Page & { readonly switch: string },
): Promise<{ ports: TopologyPort[]; next: string | null }> {
	await mustFind(tx, switches, label, `switch ${label}`);
	const found = await tx.list(ports, {
		where: { index: 'switch', equals: label },
		...(after !== undefined && { after: portId({ switch: label, port: after }) }),
		limit: limit + 1,
	});
	const shown: TopologyPort[] = [];
	for (const { document } of found.slice(0, limit)) {
		const nic = document.nic === null ? undefined : await tx.get(nics, document.nic);
		const node = nic && (await tx.get(nodes, nic.node));
		shown.push({
			port: document.label,
			node: nic?.node ?? null,
			nic: nic?.label ?? null,
			project: node?.project ?? null,
			...(nic ? await carriedBy(tx, nic.node, nic.label) : { networks: [], pending: false }),
		});
	}
	return { ports: shown, next: found.length > limit ? (shown.at(-1)?.port ?? null) : null };
}

async function placeOf(
	tx: ReadTransaction,
	{ port }: Nic,
): Promise<{ switch: string | null; port: string | null }> {
	const found = port === null ? undefined : await tx.get(ports, port);
	return { switch: found?.switch ?? null, port: found?.label ?? null };
}

async function carriedBy(tx: ReadTransaction, node: string, nic: string): Promise<Carried> {
	const id = `${node}/${nic}`;
	const attached = await listBy(tx, attachments, 'nic', id);
	return {
		networks: attached.map(({ network, channel, vlan }) => ({ network, channel, vlan })),
		pending: (await tx.count(actions, { index: 'nic', equals: id })) > 0,
	};
}
