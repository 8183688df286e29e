import { z } from 'zod';
import { claimFor, forgetDisk, freeDisk } from '../core/disks.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, booting as bootingSchema, bootings } from '../model/booting.ts';
import type { Stage } from '../operation/kind.ts';
import { serveDisks, tellNode, withdrawDisks } from './serve-node.ts';
import { type NodeKindDeps, nodeStages, subjectOf } from './stages.ts';

/** What a node that boots goes over to. */
export const exchangeInput = z.object({
	image: z.string().nullable(),
	/** Its disks from then on, and what `rescued` of its record becomes. */
	disks: z.array(z.string()).min(1),
	rescued: z.array(z.string()).nullable(),
	/** Disks that are deleted once it is up. */
	discard: z.array(z.string()),
});
export type ExchangeInput = z.output<typeof exchangeInput>;

const former = z.object({ former: bootingSchema });

/** The node goes over to other disks; taken back, it boots from those that it had. */
export function exchangeStages(deps: NodeKindDeps): readonly Stage[] {
	const { store, storage, nodes } = deps;
	const { powerOn, come, isOurs, turnOff, mustBeOurs, bootingOf, newSecret } = nodeStages(deps);
	return [
		{
			name: 'power-off',
			async run(context) {
				await mustBeOurs(context);
				await turnOff(context);
			},
			async undo(context) {
				if (await isOurs(context)) await nodes.bootFromNetwork(subjectOf(context).node, context);
			},
		},
		{
			name: 'target',
			async run(context) {
				const { disks, rescued } = exchangeInput.parse(context.operation.input);
				const is = await bootingOf(context);
				if (!is) throw provisionerErrors.NotThere('The node boots from no disk here any more.');
				if (JSON.stringify(is.disks) !== JSON.stringify(disks)) {
					await context.keep({ former: z.record(z.string(), z.json()).parse({ ...is }) });
					await withdrawDisks(deps, is);
				}
				const iqn = `${deps.iqnPrefix}disk.${disks[0]}`;
				const own = { iqn, chap: newSecret(), operation: context.id };
				const next: Booting = { ...is, disks, rescued, ...own };
				await store.transact(async tx => {
					for (const id of disks) await claimFor(tx, id, is.node);
					await tx.put(bootings, is.node, next);
				});
				await serveDisks(deps, next);
			},
			async undo(context) {
				const kept = former.safeParse(context.operation.output);
				const is = await bootingOf(context);
				if (!kept.success || !is) return;
				await withdrawDisks(deps, is);
				const back = kept.data.former;
				await store.transact(async tx => {
					for (const id of is.disks) if (!back.disks.includes(id)) await freeDisk(tx, id);
					await tx.put(bootings, is.node, back);
				});
				await serveDisks(deps, back);
			},
		},
		{
			name: 'boot',
			async run(context) {
				const booting = await bootingOf(context);
				if (booting) await tellNode(deps, booting);
			},
			async undo(context) {
				const kept = former.safeParse(context.operation.output);
				if (kept.success) await tellNode(deps, kept.data.former);
			},
		},
		powerOn,
		...come,
		{
			name: 'discard',
			async run(context) {
				const { discard, disks, rescued } = exchangeInput.parse(context.operation.input);
				const kept = former.safeParse(context.operation.output);
				const before = kept.success ? kept.data.former.disks : [];
				for (const id of discard) {
					await storage.remove(id);
					await store.transact(tx => forgetDisk(tx, id));
				}
				const stays = new Set([...disks, ...(rescued ?? []), ...discard]);
				await store.transact(async tx => {
					for (const id of before) if (!stays.has(id)) await freeDisk(tx, id);
				});
			},
		},
	];
}
