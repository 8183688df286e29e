import { type Clock, pause } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { HilClient } from '../../hil/client.ts';
import { marketErrors } from '../errors.ts';
import { DeliveryRefused, type Fulfilment, type Handover, type Standing } from './fulfilment.ts';

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
	readonly hil: Pick<HilClient, 'node' | 'project' | 'change' | 'changeDone' | 'release' | 'searchNodes'>;
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
		async inspect(handovers) {
			const owners = await allOwners();
			const standings = new Map<string, Standing>();
			for (const { project, servers } of handovers)
				for (const server of servers) {
					const owner = owners.get(server);
					// Its project may be bringing it in again.
					if (owner === undefined || owner !== airlock || owner === project)
						standings.set(server, standingOf(owner, project));
				}
			return standings;
		},
	};

	/** Whose each node of hil's is. */
	async function allOwners(): Promise<ReadonlyMap<string, string | null>> {
		const owners = new Map<string, string | null>();
		let after: string | undefined;
		do {
			const { nodes, next } = await hil.searchNodes({ limit: 1000, ...(after !== undefined && { after }) });
			for (const { name, project } of nodes) owners.set(name, project);
			after = next ?? undefined;
		} while (after !== undefined);
		return owners;
	}

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

function standingOf(owner: string | null | undefined, project: string): Standing {
	if (owner === project) return 'held';
	if (owner === undefined) return { code: 'NodeGone', reason: 'hil has no such node any more' };
	return owner === null
		? { code: 'NodeReleased', reason: 'it is nobody’s in hil: somebody has released it there' }
		: { code: 'NodeTaken', reason: `it is project ${owner}'s in hil` };
}

const isRefusal = (fault: unknown, code: string): fault is BimetalError =>
	fault instanceof BimetalError && fault.code === code;
