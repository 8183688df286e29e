import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { HilClient } from '../../hil/client.ts';
import { marketErrors } from '../errors.ts';
import type { Fulfilment, Handover } from './fulfilment.ts';

/** Milliseconds between two looks at nodes that leave, and for how long one attempt looks. */
const look = 500;
const patience = 120_000;

/**
 * Hands servers over as hil's nodes: they join the project in one change, all or none, and leave it the safe way, off and on
 * no network. A node that a third project has is never touched.
 */
export function createHilFulfilment({
	hil,
	clock,
	check,
}: {
	readonly hil: Pick<HilClient, 'node' | 'change' | 'changeDone' | 'release'>;
	readonly clock: Clock;
	/** Throws unless it is this process that hands over: see leadership.ts. Called right before each change. */
	readonly check: () => void;
}): Fulfilment {
	/** Whose each server is in hil. */
	const ownersOf = async ({ servers }: Handover): Promise<Map<string, string | null>> => {
		const found = new Map<string, string | null>();
		for (const server of servers) found.set(server, (await hil.node(server)).project);
		return found;
	};

	return {
		async deliver(handover) {
			const { project } = handover;
			const owners = await ownersOf(handover);
			for (const [server, owner] of owners) {
				if (owner === null || owner === project) continue;
				throw marketErrors.NodeTaken(`Node ${server} is project ${owner}'s in hil: it has to release it.`);
			}
			const free = [...owners].filter(([, owner]) => owner === null);
			if (free.length === 0) return;
			check();
			const { id } = await hil.change(free.map(([node]) => ({ do: 'connect_node', project, node })));
			if (id !== null) await hil.changeDone(id);
		},
		async takeBack(handover, signal) {
			const { project } = handover;
			for (const [node, owner] of await ownersOf(handover)) {
				if (owner !== project) continue;
				check();
				await letGo(project, node);
			}
			const until = clock.elapsed() + patience;
			for (;;) {
				const left = [...(await ownersOf(handover))].find(([, owner]) => owner === project);
				if (!left) return;
				if (clock.elapsed() > until)
					throw marketErrors.HilAway(`Node ${left[0]} is still leaving project ${project} in hil.`);
				await pause(clock, look, signal);
			}
		},
	};

	/** Has a node begin to leave; one that leaves already, or has left, goes on. */
	async function letGo(project: string, node: string): Promise<void> {
		try {
			await hil.release(project, node);
		} catch (fault) {
			if (fault instanceof BimetalError && ['BlockedError', 'NotFoundError'].includes(fault.code)) return;
			throw fault;
		}
	}
}
