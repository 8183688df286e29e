import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { networks } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { projects } from '../model/project.ts';
import { listBy, mustFind } from './find.ts';

interface OfProject {
	readonly project: string;
}

/** Null: as many as there are. What a project has already stays its own. */
export async function setQuota(
	tx: Transaction,
	{ project, ...quota }: OfProject & { readonly nodes: number | null; readonly networks: number | null },
): Promise<void> {
	const found = await mustFind(tx, projects, project, `project ${project}`);
	await tx.put(projects, project, { ...found, quota });
}

/** BlockedError when the project has as many nodes, or networks of its own, as it may. */
export async function assertQuota(
	tx: ReadTransaction,
	project: string,
	of: 'nodes' | 'networks',
): Promise<void> {
	const { quota } = await mustFind(tx, projects, project, `project ${project}`);
	const most = quota[of];
	if (most === null || (await count(tx, project, of)) < most) return;
	throw hilErrors.BlockedError(`Project ${project} may have ${most} ${of}, and has them.`);
}

const count = (tx: ReadTransaction, project: string, of: 'nodes' | 'networks'): Promise<number> =>
	of === 'nodes'
		? tx.count(nodes, { index: 'project', equals: project })
		: tx.count(networks, { index: 'owner', equals: project });

export interface ProjectView {
	readonly name: string;
	readonly quota: { readonly nodes: number | null; readonly networks: number | null };
	/** What it has. */
	readonly nodes: number;
	readonly networks: number;
	/** Those of its nodes that may be managed now: on those that are leaving, or are switched off there, management is shut. */
	readonly managed: readonly string[];
	/** ISO 8601 by node: when those leave that have an end. */
	readonly leases: Readonly<Record<string, string>>;
}

export async function showProject(tx: ReadTransaction, { project }: OfProject): Promise<ProjectView> {
	const { quota } = await mustFind(tx, projects, project, `project ${project}`);
	const own = await listBy(tx, nodes, 'project', project);
	const leases = own.flatMap(({ label, leaseEnd }) =>
		leaseEnd === null ? [] : [[label, new Date(leaseEnd).toISOString()] as const],
	);
	return {
		name: project,
		quota,
		nodes: own.length,
		networks: await count(tx, project, 'networks'),
		managed: own.filter(({ obmEnabled }) => obmEnabled).map(({ label }) => label),
		leases: Object.fromEntries(leases),
	};
}
