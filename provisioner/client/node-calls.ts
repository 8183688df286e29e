import type { z } from 'zod';
import type { JsonClient } from '../../common/http/json-client.ts';
import * as views from '../v1/views.ts';

export type NodeView = z.output<typeof views.node>;
type OperationView = z.output<typeof views.operation>;

export interface WantedNode {
	/** The node's. */
	readonly project: string;
	/** What a new disk is cloned from; absent: `disk` is there already. */
	readonly image?: string | undefined;
	/** A saved disk, or the name of the new one (the node's, when absent). */
	readonly disk?: string | undefined;
	/** Saved disks that it has besides, as LUN 2 and so on. */
	readonly beside?: readonly string[] | undefined;
	/** The NIC that it boots by, and hil's name of the network: the first that can, when absent. */
	readonly nic?: string | undefined;
	readonly network?: string | undefined;
	/** Instead: several NICs, each on a network of its own, by all of which the disk is reached. */
	readonly nics?: readonly { readonly nic: string; readonly network: string }[] | undefined;
	readonly hostname?: string | undefined;
	/** Public SSH keys, as OpenSSH writes them. */
	readonly keys?: readonly string[] | undefined;
	/** cloud-init's. */
	readonly userData?: string | undefined;
}

/** What is done with nodes that boot from disks here. Each call that changes something begins an operation. */
export interface NodeCalls {
	list(): Promise<readonly NodeView[]>;
	show(node: string): Promise<NodeView>;
	provision(node: string, wanted: WantedNode): Promise<OperationView>;
	deprovision(node: string): Promise<OperationView>;
	/** `disk`: the new one's name. `discard`: the disk that it had is deleted, not saved. */
	reprovision(
		node: string,
		wanted: {
			readonly image: string;
			readonly disk?: string | undefined;
			readonly discard?: boolean | undefined;
		},
	): Promise<OperationView>;
	rescue(node: string, image: string): Promise<OperationView>;
	endRescue(node: string): Promise<OperationView>;
	suspend(node: string): Promise<OperationView>;
	/** Into another project, with its disk, which can have another `disk` name there. */
	move(
		node: string,
		to: {
			readonly project: string;
			readonly disk?: string | undefined;
			readonly network?: string | undefined;
		},
	): Promise<OperationView>;
	/** `where`: hil's query for free nodes, instead of that for the kind that the disk's node had. `node`: that one. */
	resume(
		disk: string,
		wanted: {
			readonly where?: string | undefined;
			readonly network?: string | undefined;
			readonly node?: string | undefined;
		},
	): Promise<OperationView>;
}

export function createNodeCalls({ call }: Pick<JsonClient, 'call'>): NodeCalls {
	const to = (node: string, verb: string, body: object): Promise<OperationView> =>
		call(views.operation, 'POST', `/v1/nodes/${encodeURIComponent(node)}/${verb}`, body);
	return {
		list: async () => (await call(views.nodes, 'GET', '/v1/nodes')).nodes,
		show: node => call(views.node, 'GET', `/v1/nodes/${encodeURIComponent(node)}`),
		provision: (node, wanted) => to(node, 'provision', wanted),
		deprovision: node => to(node, 'deprovision', {}),
		reprovision: (node, wanted) => to(node, 'reprovision', wanted),
		rescue: (node, image) => to(node, 'rescue', { image }),
		endRescue: node => to(node, 'end-rescue', {}),
		suspend: node => to(node, 'suspend', {}),
		move: (node, wanted) => to(node, 'move', wanted),
		resume: (disk, wanted) =>
			call(views.operation, 'POST', `/v1/disks/${encodeURIComponent(disk)}/resume`, wanted),
	};
}
