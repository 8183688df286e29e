import { z } from 'zod';
import { hashPassword } from '../../common/identity/passwords.ts';
import type { Transaction } from '../../common/store/store.ts';
import { showAction } from '../core/actions.ts';
import { connectNetwork, detachNetwork } from '../core/connections.ts';
import * as headnodes from '../core/headnodes.ts';
import { deleteMetadata, setMetadata } from '../core/metadata.ts';
import * as networks from '../core/networks.ts';
import * as nodes from '../core/nodes.ts';
import { beginObm, useObm } from '../core/obm-actions.ts';
import * as projects from '../core/projects.ts';
import * as switches from '../core/switches.ts';
import * as users from '../core/users.ts';
import type { World } from '../core/world.ts';
import { hilErrors } from '../errors.ts';
import type { HilDeps } from '../hil-deps.ts';
import { reference } from '../model/label.ts';
import { obmActions } from '../model/obm-action.ts';
import { bootDevices } from '../obm/obm.ts';
import { describeApi } from './describe-api.ts';
import { carryOutObm, refreshObm, streamConsole, withdrawAll } from './obm-calls.ts';
import { changes, type HilRoute, OtherAnswer, reads } from './route.ts';
import * as views from './views.ts';

/** An action was queued: its worker is told, the caller gets its id. */
const queued = ({ id, switch: label }: { id: string; switch: string }, { workers }: HilDeps) => {
	workers.wake(label);
	return { status_id: id };
};

const projectRoutes: readonly HilRoute[] = [
	reads({
		path: '/projects',
		action: 'project.list',
		summary: 'All projects',
		answer: views.names,
		verb: projects.listProjects,
	}),
	changes('PUT', {
		path: '/project/{project}',
		action: 'project.create',
		summary: 'Create a project',
		verb: projects.createProject,
	}),
	changes('DELETE', {
		path: '/project/{project}',
		action: 'project.delete',
		summary: 'Delete a project that has nothing left',
		verb: projects.deleteProject,
	}),
	changes('POST', {
		path: '/project/{project}/connect_node',
		action: 'project.connect-node',
		summary: 'Give a free node to the project',
		body: { node: reference },
		verb: projects.connectNode,
	}),
	changes('POST', {
		path: '/project/{project}/detach_node',
		action: 'project.detach-node',
		summary: 'Take a node from the project',
		body: { node: reference },
		verb: projects.detachNode,
		after: (_result, { wakeMaintenance }) => wakeMaintenance(),
	}),
	reads({
		path: '/project/{project}/nodes',
		action: 'project.list-nodes',
		summary: 'Nodes of the project',
		answer: views.names,
		verb: projects.listProjectNodes,
	}),
	reads({
		path: '/project/{project}/networks',
		action: 'project.list-networks',
		summary: 'Networks that the project was given access to',
		answer: views.names,
		verb: projects.listProjectNetworks,
	}),
	reads({
		path: '/project/{project}/headnodes',
		action: 'project.list-headnodes',
		summary: 'Headnodes of the project',
		answer: views.names,
		verb: projects.listProjectHeadnodes,
	}),
];

const nodeRoutes: readonly HilRoute[] = [
	reads({
		path: '/nodes/{pool}',
		action: 'node.list',
		summary: 'Free nodes (`free`), or all',
		answer: views.names,
		verb: nodes.listNodes,
	}),
	reads({
		path: '/node/{node}',
		action: 'node.show',
		summary: 'A node, its NICs, their networks and its metadata',
		answer: views.node,
		verb: nodes.showNode,
	}),
	changes('PUT', {
		path: '/node/{node}',
		action: 'node.register',
		summary: 'Record a node',
		body: {
			obmd: z.strictObject({ uri: z.string(), admin_token: z.string() }),
			metadata: z.record(reference, z.json()).optional(),
		},
		verb: nodes.registerNode,
	}),
	changes('DELETE', {
		path: '/node/{node}',
		action: 'node.delete',
		summary: 'Forget a node',
		verb: nodes.deleteNode,
	}),
	changes('PUT', {
		path: '/node/{node}/nic/{nic}',
		action: 'node.register-nic',
		summary: 'Record a NIC of a node',
		body: { macaddr: z.string().max(128) },
		verb: nodes.registerNic,
	}),
	changes('DELETE', {
		path: '/node/{node}/nic/{nic}',
		action: 'node.delete-nic',
		summary: 'Forget a NIC',
		verb: nodes.deleteNic,
	}),
	changes('POST', {
		path: '/node/{node}/nic/{nic}/connect_network',
		action: 'node.connect-network',
		summary: 'Attach a network to a NIC: queued',
		body: { network: reference, channel: reference.nullish() },
		answer: views.queued,
		status: 202,
		verb: connectNetwork,
		after: queued,
	}),
	changes('POST', {
		path: '/node/{node}/nic/{nic}/detach_network',
		action: 'node.detach-network',
		summary: 'Take a network off a NIC: queued',
		body: { network: reference },
		answer: views.queued,
		status: 202,
		verb: detachNetwork,
		after: queued,
	}),
	changes('PUT', {
		path: '/node/{node}/metadata/{label}',
		action: 'node.set-metadata',
		summary: 'Set a piece of metadata',
		body: { value: z.json() },
		verb: setMetadata,
	}),
	changes('DELETE', {
		path: '/node/{node}/metadata/{label}',
		action: 'node.delete-metadata',
		summary: 'Delete a piece of metadata',
		verb: deleteMetadata,
	}),
];

function obmRoutes(): readonly HilRoute[] {
	const begin =
		(type: string) =>
		(tx: Transaction, { node }: { node: string }, world: World) =>
			beginObm(tx, { node, type }, world);
	const power = (type: 'power_on' | 'power_off', change: 'on' | 'off', summary: string) =>
		changes('POST', {
			path: `/node/{node}/${type}`,
			action: 'node.power',
			summary,
			mayWait: true,
			verb: begin(type),
			after: (begun, deps) => carryOutObm(deps, begun, obm => obm.power(begun.uri, change)),
		});
	return [
		changes('PUT', {
			path: '/node/{node}/obm',
			action: 'node.set-obm',
			summary: "Let the node's project manage it, or end that and withdraw what waits",
			body: { enabled: z.boolean() },
			verb: nodes.setObm,
			after: async (_result, deps, { node, enabled }) => {
				if (enabled) return;
				deps.consoles.end(node);
				await withdrawAll(deps, node);
			},
		}),
		power('power_on', 'on', 'Power a node on'),
		power('power_off', 'off', 'Power a node off, at once'),
		changes('POST', {
			path: '/node/{node}/power_cycle',
			action: 'node.power',
			summary: 'Restart a node, or power it on; `force` does not ask its system',
			body: { force: z.boolean().optional() },
			mayWait: true,
			verb: begin('power_cycle'),
			after: (begun, deps, { force }) =>
				carryOutObm(deps, begun, obm => obm.power(begun.uri, force ? 'force-cycle' : 'cycle')),
		}),
		changes('PUT', {
			path: '/node/{node}/boot_device',
			action: 'node.boot-device',
			summary: `What a node boots from: ${bootDevices.join(', ')}`,
			body: { bootdev: z.string() },
			mayWait: true,
			verb: async (tx: Transaction, args: { node: string; bootdev: string }, world: World) => {
				const device = bootDevices.find(each => each === args.bootdev);
				if (!device) throw hilErrors.BadArgumentError(`A node boots from ${bootDevices.join(', ')}.`);
				return { ...(await begin('boot_device')(tx, args, world)), device };
			},
			after: (begun, deps) => carryOutObm(deps, begun, obm => obm.setBootDevice(begun.uri, begun.device)),
		}),
		reads({
			path: '/node/{node}/power_status',
			action: 'node.power-status',
			summary: 'Whether a node is powered',
			answer: views.powerStatus,
			verb: useObm,
			after: async ({ uri }, { obm }) => ({ power_status: (await obm.state(uri)).power }),
		}),
		changes('GET', {
			path: '/node/{node}/console',
			action: 'node.console',
			summary: 'What the serial console shows from now on, streamed; ends the reader before',
			answer: z.string(),
			mayWait: true,
			verb: begin('console'),
			after: (begun, deps) => streamConsole(deps, begun),
		}),
	];
}

const networkRoutes: readonly HilRoute[] = [
	reads({
		path: '/networks',
		action: 'network.list',
		summary: 'All networks for administrators, public ones for others',
		answer: views.networkList,
		verb: networks.listNetworks,
	}),
	changes('PUT', {
		path: '/network/{network}',
		action: 'network.create',
		summary: 'Create a network',
		body: { owner: reference, access: reference, net_id: reference },
		verb: networks.createNetwork,
	}),
	changes('DELETE', {
		path: '/network/{network}',
		action: 'network.delete',
		summary: 'Delete a network that nothing is attached to',
		verb: networks.deleteNetwork,
	}),
	reads({
		path: '/network/{network}',
		action: 'network.show',
		summary: 'A network, its channels, who may use it and what of the own is attached',
		answer: views.network,
		verb: networks.showNetwork,
	}),
	reads({
		path: '/network/{network}/attachments',
		action: 'network.list-attachments',
		summary: 'What is attached to a network, of one project or of all',
		body: { project: reference.optional() },
		answer: views.attachmentList,
		verb: networks.listAttachments,
	}),
	changes('PUT', {
		path: '/network/{network}/access/{project}',
		action: 'network.grant',
		summary: 'Give a project access to a network',
		verb: networks.grantAccess,
	}),
	changes('DELETE', {
		path: '/network/{network}/access/{project}',
		action: 'network.revoke',
		summary: 'Take access to a network from a project',
		verb: networks.revokeAccess,
	}),
	reads({
		path: '/networking_action/{id}',
		action: 'action.show',
		summary: 'How a queued action gets on',
		answer: views.action,
		verb: async (tx, args: { id: string }) => ({
			shown: await showAction(tx, args),
			waiting: await tx.get(obmActions, args.id),
		}),
		after: async ({ shown, waiting }, deps, args) => {
			if (waiting?.status !== 'PENDING') return shown;
			await refreshObm(deps, args.id, waiting);
			return deps.store.read(tx => showAction(tx, args));
		},
	}),
];

const switchRoutes: readonly HilRoute[] = [
	reads({
		path: '/switches',
		action: 'switch.list',
		summary: 'All switches',
		answer: views.names,
		verb: switches.listSwitches,
	}),
	changes('PUT', {
		path: '/switch/{switch}',
		action: 'switch.register',
		summary: 'Record a switch: its type, and what its driver needs',
		body: { type: z.string() },
		isLoose: true,
		verb: switches.registerSwitch,
	}),
	changes('DELETE', {
		path: '/switch/{switch}',
		action: 'switch.delete',
		summary: 'Forget a switch without ports',
		verb: switches.deleteSwitch,
	}),
	reads({
		path: '/switch/{switch}',
		action: 'switch.show',
		summary: 'A switch, its ports and capabilities',
		answer: views.device,
		verb: switches.showSwitch,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/connect_nic',
		action: 'port.connect-nic',
		summary: 'Record which NIC is in a port',
		body: { node: reference, nic: reference },
		verb: switches.connectNic,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/detach_nic',
		action: 'port.detach-nic',
		summary: 'Record that a port is empty',
		verb: switches.detachNic,
	}),
	changes('POST', {
		path: '/switch/{switch}/port/{port...}/revert',
		action: 'port.revert',
		summary: 'Take a port off all networks: queued',
		answer: views.queued,
		verb: switches.revertPort,
		after: queued,
	}),
	changes('PUT', {
		path: '/switch/{switch}/port/{port...}',
		action: 'port.register',
		summary: 'Record a port',
		verb: switches.registerPort,
	}),
	changes('DELETE', {
		path: '/switch/{switch}/port/{port...}',
		action: 'port.delete',
		summary: 'Forget an empty port',
		verb: switches.deletePort,
	}),
	reads({
		path: '/switch/{switch}/port/{port...}',
		action: 'port.show',
		summary: 'The NIC in a port, and its networks',
		answer: views.port,
		verb: switches.showPort,
	}),
];

const headnodeRoutes: readonly HilRoute[] = [
	reads({
		path: '/headnode_images/',
		action: 'headnode.images',
		summary: 'Images for headnodes',
		answer: views.names,
		verb: headnodes.listImages,
	}),
	changes('PUT', {
		path: '/headnode/{headnode}',
		action: 'headnode.create',
		summary: 'Plan a headnode',
		body: { project: reference, base_img: z.string() },
		verb: headnodes.createHeadnode,
	}),
	reads({
		path: '/headnode/{headnode}',
		action: 'headnode.show',
		summary: 'A headnode',
		answer: views.headnode,
		verb: async (tx, of: { headnode: string }) => ({
			shown: await headnodes.showHeadnode(tx, of),
			machine: await headnodes.describeMachine(tx, of),
		}),
		after: async ({ shown, machine }, { hypervisor }) => ({
			...shown,
			vncport: await hypervisor.vncPort(machine),
		}),
	}),
	changes('DELETE', {
		path: '/headnode/{headnode}',
		action: 'headnode.delete',
		summary: 'Delete a headnode and its machine',
		verb: headnodes.describeMachine,
		after: async (machine, { hypervisor, store }, of) => {
			await hypervisor.remove(machine);
			await store.transact(tx => headnodes.deleteHeadnode(tx, of));
		},
	}),
	changes('POST', {
		path: '/headnode/{headnode}/start',
		action: 'headnode.start',
		summary: 'Start a headnode; from then on it cannot be changed',
		verb: headnodes.freezeHeadnode,
		after: async (machine, { hypervisor, store }, of) => {
			try {
				await hypervisor.start(machine);
			} catch (fault) {
				if (machine.headnode.dirty) await store.transact(tx => headnodes.thawHeadnode(tx, of));
				throw fault;
			}
		},
	}),
	changes('POST', {
		path: '/headnode/{headnode}/stop',
		action: 'headnode.stop',
		summary: 'Stop a headnode at once',
		verb: headnodes.describeMachine,
		after: (machine, { hypervisor }) => hypervisor.stop(machine),
	}),
	changes('PUT', {
		path: '/headnode/{headnode}/hnic/{hnic}',
		action: 'headnode.change',
		summary: 'Plan a NIC of a headnode',
		verb: headnodes.createHnic,
	}),
	changes('DELETE', {
		path: '/headnode/{headnode}/hnic/{hnic}',
		action: 'headnode.change',
		summary: 'Delete a NIC of a headnode',
		verb: headnodes.deleteHnic,
	}),
	changes('POST', {
		path: '/headnode/{headnode}/hnic/{hnic}/connect_network',
		action: 'headnode.change',
		summary: 'Attach a NIC of a headnode to a network',
		body: { network: reference },
		verb: headnodes.connectHnic,
	}),
	changes('POST', {
		path: '/headnode/{headnode}/hnic/{hnic}/detach_network',
		action: 'headnode.change',
		summary: 'Take a NIC of a headnode off its network',
		verb: headnodes.detachHnic,
	}),
];

const userRoutes: readonly HilRoute[] = [
	reads({
		path: '/auth/basic/users',
		action: 'user.list',
		summary: 'All users',
		answer: views.userList,
		verb: users.listUsers,
	}),
	changes('PUT', {
		path: '/auth/basic/user/{user}',
		action: 'user.create',
		summary: 'Create a user',
		body: { password: z.string().min(1).max(256), is_admin: z.boolean().optional() },
		prepare: async ({ user, password, is_admin }) => ({ user, is_admin, hash: await hashPassword(password) }),
		verb: users.createUser,
	}),
	changes('DELETE', {
		path: '/auth/basic/user/{user}',
		action: 'user.delete',
		summary: 'Delete a user',
		verb: users.deleteUser,
	}),
	changes('PATCH', {
		path: '/auth/basic/user/{user}',
		action: 'user.set-admin',
		summary: 'Make a user an administrator, or not',
		body: { is_admin: z.boolean() },
		verb: users.setAdmin,
	}),
	changes('POST', {
		path: '/auth/basic/user/{user}/add_project',
		action: 'user.change-projects',
		summary: 'Make a user a member of a project',
		body: { project: reference },
		verb: users.addToProject,
	}),
	changes('POST', {
		path: '/auth/basic/user/{user}/remove_project',
		action: 'user.change-projects',
		summary: 'End a membership',
		body: { project: reference },
		verb: users.removeFromProject,
	}),
];

const nothing = async (): Promise<undefined> => undefined;

/** HIL's whole interface. */
export function v0Routes(): readonly HilRoute[] {
	const own: HilRoute[] = [
		...projectRoutes,
		...nodeRoutes,
		...obmRoutes(),
		...networkRoutes,
		...switchRoutes,
		...headnodeRoutes,
		...userRoutes,
		reads({
			path: '/active_extensions',
			action: 'extensions.list',
			summary: 'What is active: authentication, switches, out-of-band management',
			answer: views.names,
			verb: nothing,
			after: (_result, { extensions }) => [...extensions].sort(),
		}),
	];
	const described: HilRoute = reads({
		path: '/openapi.json',
		action: 'api.describe',
		summary: 'This description',
		answer: z.looseObject({ openapi: z.string() }),
		verb: nothing,
		after: (_result, { version }) => new OtherAnswer(200, describeApi('/v0', [...own, described], version)),
	});
	return [...own, described];
}
