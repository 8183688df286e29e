import { z } from 'zod';
import { pause } from '../../common/clock.ts';
import { provisionerErrors } from '../errors.ts';
import type { NicOn } from '../model/booting.ts';
import type { Kind, Stage } from '../operation/kind.ts';
import { exchangeStages } from './exchange-stages.ts';
import { moveStages } from './move-stages.ts';
import { type NodeKindDeps, nodeStages, subjectOf } from './stages.ts';

/** What a saved disk is resumed with: a node is still to be found. */
const resumeInput = z.object({
	/** hil's query for nodes of the kind; the disk's project takes the first free one that fits. */
	where: z.string(),
	network: z.string(),
	/** The NICs that it had, when they were several; the first one that has an address when empty. */
	nics: z.array(z.object({ nic: z.string(), network: z.string() })).default([]),
	/** The node that it is to be, whatever its kind: a free one, or one of the project's that boots from nothing here. */
	on: z.string().nullable().default(null),
});

/** Milliseconds between two looks at a node that is leaving. */
const look = 2000;

/** Nodes: what is done to have them boot from disks, and not any more. */
export function nodeKinds(deps: NodeKindDeps): Readonly<Record<string, Kind>> {
	const { nodes, clock } = deps;
	const { clone, connect, serve, tell, powerOn, come, leave } = nodeStages(deps);

	/** The node leaves its project the safe way. */
	const release: Stage = {
		name: 'release',
		async run(context) {
			const { node, project } = subjectOf(context);
			let { departure } = context.operation.output;
			if (typeof departure !== 'string') {
				if ((await nodes.projectOf(node)) !== project) return;
				departure = await nodes.release(project, node);
				await context.keep({ departure });
			}
			for (;;) {
				const { status, error } = await nodes.departure(departure);
				if (status === 'DONE') return;
				if (status === 'ERROR') throw provisionerErrors.Cancelled(error ?? 'The node does not leave.');
				await pause(clock, look, context.signal);
			}
		},
	};
	/** A free node of the kind becomes the project's. */
	const take: Stage = {
		name: 'node',
		async run(context) {
			const { where, network, nics, on } = resumeInput.parse(context.operation.input);
			const { project } = context.operation;
			const kept = context.operation.output.node;
			if (typeof kept === 'string' && (await nodes.projectOf(kept)) === project) return;
			for (const node of on === null ? await nodes.findFree(where) : [on]) {
				const wanted = nics.length > 0 ? nics : [{ nic: undefined, network }];
				const found: NicOn[] = [];
				let owner: string | null = null;
				for (const { nic: name, network: to } of wanted) {
					const { nic, project: of } = await nodes.look(node, name);
					owner = of;
					found.push({ nic: nic.label, mac: nic.mac, network: to });
				}
				const [first, ...further] = found;
				const isOurs = owner === project;
				// Noted before it is taken: whoever comes after us knows whose it is.
				await context.keep({ node, ...first, further, isOurs });
				if (isOurs || (owner === null && (await nodes.take(project, node)))) return;
			}
			throw provisionerErrors.InUse(
				on === null ? `No node is free that fits: ${where || 'any'}.` : `Node ${on} is not free.`,
			);
		},
		async undo(context) {
			const { node, isOurs } = context.operation.output;
			if (typeof node !== 'string' || isOurs === true) return;
			if ((await nodes.projectOf(node)) === context.operation.project)
				await nodes.giveBack(context.operation.project, node);
		},
	};

	return {
		/** `node` boots from `disk`, cloned for it or there already. */
		'node.provision': { stages: [clone, connect, serve, tell, powerOn, ...come] },
		/** `node` is off and its disks saved: tried for as long as it takes. */
		'node.deprovision': { stages: leave, neverGivesUp: true },
		/** `node` boots from other disks: a fresh clone, a rescue image with its own disk beside it, or what it had. */
		'node.exchange': { stages: [clone, ...exchangeStages(deps)] },
		/** `node` boots from its disk in another project, which has both from then on. */
		'node.move': { stages: [...moveStages(deps), connect, serve, tell, powerOn, ...come] },
		/** `node` is saved and free. */
		'node.suspend': { stages: [...leave, release], neverGivesUp: true },
		/** Some node of the kind boots from `disk`. */
		'node.resume': { stages: [take, clone, connect, serve, tell, powerOn, ...come] },
	};
}
