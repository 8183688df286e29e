import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { HilClient } from '../../hil/client.ts';
import { marketErrors } from '../errors.ts';
import { DeliveryRefused, type Fulfilment, type Handover } from './fulfilment.ts';

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
	airlock,
	check,
}: {
	readonly hil: Pick<HilClient, 'node' | 'project' | 'change' | 'changeDone' | 'release'>;
	readonly clock: Clock;
	/** The project that nodes are in while they pass through the airlock of attestation: they may come out into any other one. */
	readonly airlock?: string | undefined;
	/** Throws unless it is this process that hands over: see leadership.ts. Called right before each change. */
	readonly check: () => void;
}): Fulfilment {
	/** Whose each server is in hil. */
	const ownersOf = async ({ servers }: Handover): Promise<Map<string, string | null>> => {
		const found = new Map<string, string | null>();
		for (const server of servers) found.set(server, (await hil.node(server)).project);
		return found;
	};
	/** The same, to hand them over. @throws DeliveryRefused for those that are not there, or another project's */
	const checkedOwners = async (handover: Handover): Promise<Map<string, string | null>> => {
		const { project, servers } = handover;
		const owners = new Map<string, string | null>();
		for (const server of servers) {
			const { project: owner } = await hil.node(server).catch(fault => {
				throw isRefusal(fault, 'NotFoundError') ? new DeliveryRefused({ server }, fault) : fault;
			});
			owners.set(server, owner);
			if (owner === null || owner === project) continue;
			const taken = `Node ${server} is project ${owner}'s in hil: it has to release it.`;
			throw new DeliveryRefused({ server }, marketErrors.NodeTaken(taken));
		}
		return owners;
	};
	/** Whose doing it is that hil has refused to hand free nodes over. */
	const whose = async (fault: unknown, handover: Handover): Promise<unknown> => {
		if (!isRefusal(fault, 'NotFoundError') && !isRefusal(fault, 'BlockedError')) return fault;
		const owners = [...(await checkedOwners(handover)).values()];
		// Some are there and free: there is no such project, or it may not have so many.
		return owners.includes(null) ? new DeliveryRefused('project', fault) : fault;
	};

	return {
		async deliver(handover) {
			const { project } = handover;
			const owners = await checkedOwners(handover);
			const free = [...owners].filter(([, owner]) => owner === null);
			if (free.length === 0) return;
			check();
			const steps = free.map(([node]) => ({ do: 'connect_node', project, node }));
			const { id } = await hil.change(steps).catch(async fault => {
				throw await whose(fault, handover);
			});
			if (id !== null) await hil.changeDone(id);
		},
		async takeBack(handover, signal) {
			const { project } = handover;
			for (const [node, owner] of await ownersOf(handover)) {
				// It would be the project's again when it comes out: it is taken back then.
				if (owner !== null && owner === airlock && owner !== project)
					throw marketErrors.NodeTaken(`Node ${node} is on its way through the airlock, project ${airlock}.`);
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
			if (isRefusal(fault, 'BlockedError') || isRefusal(fault, 'NotFoundError')) return;
			throw fault;
		}
	}
}

const isRefusal = (fault: unknown, code: string): fault is BimetalError =>
	fault instanceof BimetalError && fault.code === code;
