import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ChangeStep, HilClient, Managed } from '../../hil/client.ts';
import type { NicNetwork } from '../model/passage.ts';

/** Whose a node is, and what its ports carry, as hil has seen on the switches. */
export interface NodeNow {
	readonly project: string | null;
	readonly nics: readonly string[];
	readonly networks: readonly NicNetwork[];
	/** A change of its ports is queued: they may carry something else at any moment. */
	readonly isPending: boolean;
}

/** Whom it goes to, and from; null: it is free. */
interface Over {
	readonly from: string | null;
	readonly to: string | null;
	readonly networks?: readonly NicNetwork[];
}

/** What hil does to nodes for a passage. What changes ports begins and does not wait: the id of a change, or null when it is done. */
export interface NodeAtHil {
	/** Undefined: hil does not know it. */
	look(node: string): Promise<NodeNow | undefined>;
	takeOff(node: string, networks: readonly NicNetwork[]): Promise<string | null>;
	putOn(node: string, networks: readonly NicNetwork[]): Promise<string | null>;
	/** In one step, with its networks: it is nobody's in between. It must be on no network. */
	handOver(node: string, over: Over): Promise<string | null>;
	/** Throws what `handOver` would throw, and does nothing. */
	tryHandOver(node: string, over: Over): Promise<void>;
	/** How a change gets on, after a second at the most. Throws ChangeUndone when a switch refused a part of it. */
	isChanged(change: string): Promise<boolean>;
	/** Whether another party has agreed to what waits. Throws NotApproved. */
	isApproved(request: string): Promise<boolean>;
	/** True when its management says so. */
	isPower(node: string, power: 'on' | 'off'): Promise<boolean>;
	setPower(node: string, power: 'on' | 'off'): Promise<Managed>;
	setBootDevice(node: string, device: 'pxe' | 'disk' | 'none'): Promise<Managed>;
	/** Nobody manages it from now on, and what waits for a party's approval is withdrawn. */
	endManagement(node: string): Promise<void>;
	/** Has it leave its project the safe way, unless it is leaving already. */
	release(project: string, node: string): Promise<void>;
	nodesOf(project: string): Promise<readonly string[]>;
	/** Until when a node is a project's (ISO 8601); null: without an end. */
	leaseOf(project: string, node: string): Promise<string | null>;
	/** Sets a property, or takes it away (null); and the end of a lease. Nothing where the account may not. */
	setProperty(node: string, label: string, value: string | boolean | null): Promise<void>;
	setLease(node: string, until: string): Promise<void>;
	/** Whether a project may use a network, and how many more nodes it may take. */
	admits(project: string, network: string): Promise<boolean>;
	roomOf(project: string): Promise<number>;
}

const isNative = ({ channel }: NicNetwork): boolean => channel === 'vlan/native';
/** Switches without trunks of tagged VLANs alone want the native network first on and last off. */
const nativeFirst = (networks: readonly NicNetwork[]): NicNetwork[] =>
	[...networks].sort((a, b) => Number(isNative(b)) - Number(isNative(a)));
const connections = (node: string, networks: readonly NicNetwork[]): ChangeStep[] =>
	nativeFirst(networks).map(each => ({ do: 'connect_network', node, ...each }));

export const isCode = (fault: unknown, ...codes: readonly string[]): boolean =>
	fault instanceof BimetalError && codes.includes(fault.code);

export function createNodeAtHil(hil: HilClient): NodeAtHil {
	let isAdministrator: boolean | undefined;
	const mayAdminister = async (): Promise<boolean> => {
		isAdministrator ??= (await hil.me()).is_admin;
		return isAdministrator;
	};
	const begin = async (steps: readonly ChangeStep[]): Promise<string | null> =>
		steps.length === 0 ? null : (await hil.change(steps)).id;
	const steps = (node: string, { from, to, networks = [] }: Over): ChangeStep[] => [
		...(from === null ? [] : [{ do: 'detach_node', project: from, node }]),
		...(to === null ? [] : [{ do: 'connect_node', project: to, node }]),
		...connections(node, networks),
	];
	const unknown = (fault: unknown): undefined => {
		if (!isCode(fault, 'NotFoundError')) throw fault;
	};

	return {
		async look(node) {
			const [found] = (await hil.topology({ node })).nodes;
			if (found) {
				const networks = found.nics.flatMap(({ label: nic, networks: on }) =>
					on.map(({ network, channel }) => ({ nic, network, channel })),
				);
				const isPending = found.nics.some(({ pending }) => pending);
				const nics = found.nics.map(({ label }) => label);
				return { project: found.project, nics, networks, isPending };
			}
			// A free one, to an account that is no administrator: it is on no network.
			const seen = await hil.node(node).catch(unknown);
			if (!seen) return undefined;
			const nics = seen.nics.map(({ label }) => label);
			return { project: seen.project, nics, networks: [], isPending: false };
		},
		takeOff: (node, networks) =>
			begin(
				nativeFirst(networks)
					.reverse()
					.map(({ nic, network }) => ({ do: 'detach_network', node, nic, network })),
			),
		putOn: (node, networks) => begin(connections(node, networks)),
		async handOver(node, over) {
			if (over.from !== null) await hil.setObm(node, false);
			return begin(steps(node, over));
		},
		async tryHandOver(node, over) {
			if (over.from !== null) await hil.setObm(node, false);
			await hil.change(steps(node, over), { dryRun: true });
		},
		async isChanged(change) {
			// The change itself is looked at, and not for long: whoever is to be taken off must not wait for a switch.
			const { status, error, problems } = await hil.changeState(change, 1000);
			if (status === 'PENDING' || status === 'UNDOING') return false;
			if (status === 'DONE') return true;
			const why = [error ?? 'it came to nothing', ...problems].join('; ');
			throw new BimetalError('ChangeUndone', `the switch: ${why}`, { status: 502 });
		},
		async isApproved(request) {
			const { status } = await hil.queued(request);
			if (status === 'ERROR')
				throw new BimetalError('NotApproved', 'another party has not agreed', { status: 502 });
			return status === 'DONE';
		},
		async isPower(node, power) {
			const is = await hil.powerStatus(node).catch(async fault => {
				// Its management is disabled, as it comes from whoever had it.
				if (!isCode(fault, 'BlockedError')) throw fault;
				await hil.setObm(node, true);
				return hil.powerStatus(node);
			});
			if (is === 'unknown')
				throw new BimetalError('PowerUnknown', `nobody can say whether node ${node} is on`, { status: 502 });
			return is === power;
		},
		setPower: (node, power) => hil.power(node, power),
		async setBootDevice(node, device) {
			await hil.setObm(node, true);
			return hil.setBootDevice(node, device);
		},
		endManagement: node => hil.setObm(node, false),
		async release(project, node) {
			await hil.release(project, node).catch(fault => {
				if (!isCode(fault, 'BlockedError')) throw fault;
			});
		},
		nodesOf: project =>
			hil.projectNodes(project).catch(fault => {
				unknown(fault);
				return [];
			}),
		leaseOf: async (project, node) => (await hil.project(project)).leases[node] ?? null,
		async setProperty(node, label, value) {
			if (!(await mayAdminister())) return;
			const done =
				value === null
					? hil.administration.deleteMetadata(node, label)
					: hil.administration.setMetadata(node, label, value);
			await done.catch(unknown);
		},
		async setLease(node, until) {
			if (await mayAdminister()) await hil.administration.setLease(node, until);
		},
		async admits(project, network) {
			try {
				const { access } = await hil.network(network);
				return access === null || access.includes(project);
			} catch (fault) {
				if (isCode(fault, 'AuthorizationError')) return false;
				throw fault;
			}
		},
		async roomOf(project) {
			const { quota, nodes } = await hil.project(project);
			return quota.nodes === null ? Number.POSITIVE_INFINITY : quota.nodes - nodes;
		},
	};
}
