import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { type Attachment, attachments, channelsOf, nativeChannel, networks } from '../model/network.ts';
import { type Nic, nics, nodes } from '../model/node.ts';
import { type Port, ports, switches } from '../model/switch.ts';
import { nativelessTrunk } from '../model/switch-kind.ts';
import { expectedOn, type Queued, queueAction } from './actions.ts';
import { assertNone, listBy, mustFind } from './find.ts';
import { isAccessible } from './networks.ts';
import type { World } from './world.ts';

interface OfConnection {
	readonly node: string;
	readonly nic: string;
	readonly network: string;
}

/** An action can come behind what is pending for its NIC; HIL's own interface refuses that. */
interface Behind {
	readonly behind?: boolean | undefined;
}

async function attachedTo(
	tx: ReadTransaction,
	id: string,
	{ behind }: Behind,
): Promise<readonly Attachment[]> {
	if (behind) return expectedOn(tx, id);
	await assertNone(tx, actions, 'nic', id, `An action on NIC ${id} is pending: wait for it.`);
	return listBy(tx, attachments, 'nic', id);
}

/**
 * Asks for a network on a NIC's channel (`vlan/native` when none is named); the switch's worker makes it so.
 * @throws ProjectMismatchError, NotFoundError (no port), BlockedError (busy, attached, channel used), BadArgumentError
 */
export async function connectNetwork(
	tx: Transaction,
	args: OfConnection & Behind & { readonly channel?: string | null | undefined },
	world: World,
): Promise<Queued> {
	const { node, nic, network, channel } = args;
	const { project, found, port } = await findNic(tx, { node, nic });
	const wanted = await mustFind(tx, networks, network, `network ${network}`);
	const attached = await attachedTo(tx, `${node}/${nic}`, args);
	if (!isAccessible(wanted, project)) {
		throw hilErrors.ProjectMismatchError(`Project ${project} has no access to network ${network}.`);
	}
	if (attached.some(each => each.network === network)) {
		throw hilErrors.BlockedError(`Network ${network} is attached to NIC ${nic} already.`);
	}
	// HIL's command line says nothing by an empty text.
	const on = channel || nativeChannel;
	if (attached.some(each => each.channel === on)) {
		throw hilErrors.BlockedError(`Channel ${on} of NIC ${nic} is in use.`);
	}
	if (!channelsOf(wanted).includes(on)) {
		throw hilErrors.BadArgumentError(`Network ${network} can be on ${channelsOf(wanted).join(' or ')}.`);
	}
	const hasNative = attached.some(each => each.channel === nativeChannel);
	if (on !== nativeChannel && !hasNative && !(await canBeNativeless(tx, port, world))) {
		throw hilErrors.BlockedError(`Switch ${port.switch} needs a native network on the port first.`);
	}
	return queueAction(
		tx,
		{ type: 'modify_port', node, nic: found, port, project, channel: on, network, vlan: wanted.vlan },
		world,
	);
}

/** Asks for a network to be taken off a NIC. */
export async function detachNetwork(
	tx: Transaction,
	args: OfConnection & Behind,
	world: World,
): Promise<Queued> {
	const { node, nic, network } = args;
	const { project, found, port } = await findNic(tx, { node, nic });
	await mustFind(tx, networks, network, `network ${network}`);
	const attached = await attachedTo(tx, `${node}/${nic}`, args);
	const wanted = attached.find(each => each.network === network);
	if (!wanted) throw hilErrors.BadArgumentError(`Network ${network} is not attached to NIC ${nic}.`);
	const { channel } = wanted;
	if (channel === nativeChannel && attached.length > 1 && !(await canBeNativeless(tx, port, world))) {
		throw hilErrors.BlockedError(`Switch ${port.switch} needs the tagged networks off the port first.`);
	}
	return queueAction(
		tx,
		{ type: 'modify_port', node, nic: found, port, project, channel, network: null, vlan: null },
		world,
	);
}

interface FoundNic {
	readonly project: string;
	readonly found: Nic;
	readonly port: Port;
}

async function findNic(tx: ReadTransaction, { node, nic }: { node: string; nic: string }): Promise<FoundNic> {
	const { project, leaving } = await mustFind(tx, nodes, node, `node ${node}`);
	if (leaving) throw hilErrors.BlockedError(`Node ${node} is leaving its project.`);
	const found = await mustFind(tx, nics, `${node}/${nic}`, `NIC ${nic} on node ${node}`);
	if (project === null) throw hilErrors.ProjectMismatchError(`Node ${node} belongs to no project.`);
	if (found.port === null) throw hilErrors.NotFoundError(`NIC ${nic} of node ${node} is in no port.`);
	return { project, found, port: await mustFind(tx, ports, found.port, `port ${found.port}`) };
}

async function canBeNativeless(tx: ReadTransaction, port: Port, world: World): Promise<boolean> {
	const { type } = await mustFind(tx, switches, port.switch, `switch ${port.switch}`);
	return world.switchKinds.get(type)?.capabilities.includes(nativelessTrunk) ?? false;
}
