import { z } from 'zod';
import { giveDisk } from '../core/disks.ts';
import { provisionerErrors } from '../errors.ts';
import { booting as bootingSchema, bootings, nicsOf } from '../model/booting.ts';
import { disks } from '../model/disk.ts';
import type { Stage, StageContext } from '../operation/kind.ts';
import { networkOf, serveDisks, tellNode, withdrawDisks } from './serve-node.ts';
import { type NodeKindDeps, subjectOf } from './stages.ts';

/** Where a node goes, and how its disk is called there. */
export const moveInput = z.object({ owner: z.string(), diskName: z.string() });
export type MoveInput = z.output<typeof moveInput>;

const nicNetwork = z.object({ nic: z.string(), network: z.string(), channel: z.string() });
const withdrawn = z.object({ former: bootingSchema });
const detached = z.object({ networks: z.array(nicNetwork) });
const leased = z.object({ lease: z.string().nullable() });
const named = z.object({ formerName: z.string() });

/** What takes a node with its disk out of its project and into another one; how it boots there is as of any other. */
export function moveStages(deps: NodeKindDeps): readonly Stage[] {
	const { store, nodes } = deps;
	/** Whether it is still, or again, where it came from: else it is not ours any more to put back. */
	const isAtHome = async (context: StageContext): Promise<boolean> => {
		const { node, project } = subjectOf(context);
		return (await nodes.projectOf(node)) === project;
	};

	const powerOff: Stage = {
		name: 'power-off',
		async run(context) {
			const { node, project } = subjectOf(context);
			if (!(await isAtHome(context)))
				throw provisionerErrors.Cancelled(
					`Node ${node} is not of project ${project} any more: deprovision it.`,
				);
			await nodes.turnOff(node, context);
		},
		async undo(context) {
			if (await isAtHome(context)) await nodes.bootFromNetwork(subjectOf(context).node, context);
		},
	};
	/** Not served any more, also after a restart: its record is kept with the operation. */
	const withdraw: Stage = {
		name: 'withdraw',
		async run(context) {
			const { node } = subjectOf(context);
			const former = await store.read(tx => tx.get(bootings, node));
			if (!former) return;
			await context.keep({ former: z.record(z.string(), z.json()).parse({ ...former }) });
			for (const { network, mac } of nicsOf(former)) await networkOf(deps, network).remove(mac);
			await withdrawDisks(deps, former);
			await store.transact(async tx => void (await tx.delete(bootings, node)));
		},
		async undo(context) {
			const kept = withdrawn.safeParse(context.operation.output);
			if (!kept.success) return;
			const { former } = kept.data;
			await store.transact(tx => tx.put(bootings, former.node, former));
			await serveDisks(deps, former);
			await tellNode(deps, former);
		},
	};
	/** Off every network of the project that it leaves, before it is on any of the other's. */
	const detach: Stage = {
		name: 'detach',
		async run(context) {
			const { node } = subjectOf(context);
			if (!detached.safeParse(context.operation.output).success) {
				await context.keep({ networks: (await nodes.attachments(node)).map(each => ({ ...each })) });
			}
			await nodes.detachAll(node);
		},
		async undo(context) {
			const kept = detached.safeParse(context.operation.output);
			if (kept.success && (await isAtHome(context)))
				await nodes.attachAll(subjectOf(context).node, kept.data.networks);
		},
	};
	const handOver: Stage = {
		name: 'project',
		async run(context) {
			const { node, project: from } = subjectOf(context);
			const { owner: to } = moveInput.parse(context.operation.input);
			const kept = leased.safeParse(context.operation.output);
			const lease = kept.success ? kept.data.lease : await nodes.leaseOf(from, node);
			if (!kept.success) await context.keep({ lease });
			await nodes.handOver(node, { from, to, lease });
		},
		async undo(context) {
			const { node, project: to } = subjectOf(context);
			const { owner: from } = moveInput.parse(context.operation.input);
			const kept = leased.safeParse(context.operation.output);
			if (kept.success && [from, to].includes((await nodes.projectOf(node)) ?? ''))
				await nodes.handOver(node, { from, to, lease: kept.data.lease });
		},
	};
	/** The disk goes with the node: who is root on that reads and writes it. */
	const give: Stage = {
		name: 'disk',
		async run(context) {
			const { disk: id } = subjectOf(context);
			const { owner: project, diskName: name } = moveInput.parse(context.operation.input);
			const found = await store.read(tx => tx.get(disks, id));
			if (found && !named.safeParse(context.operation.output).success)
				await context.keep({ formerName: found.name });
			await store.transact(tx => giveDisk(tx, id, { project, name }));
		},
		async undo(context) {
			const { disk: id, project } = subjectOf(context);
			const kept = named.safeParse(context.operation.output);
			if (!kept.success) return;
			const { formerName } = kept.data;
			await store.transact(async tx => {
				const where = { index: 'name', equals: `${project}/${formerName}` };
				const taken = (await tx.list(disks, { where })).some(each => each.id !== id);
				// Somebody has called another disk so meanwhile.
				const name = taken ? `${formerName.slice(0, 54)}-${id.slice(0, 8)}` : formerName;
				await giveDisk(tx, id, { project, name });
			});
		},
	};
	return [powerOff, withdraw, detach, handOver, give];
}
