import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { checkLabel } from '../model/label.ts';
import { attachments } from '../model/network.ts';
import { nics, nodes } from '../model/node.ts';
import { type Port, portId, ports, switches, switchSecrets } from '../model/switch.ts';
import { switchChecks } from '../model/switch-check.ts';
import { type Queued, queueAction } from './actions.ts';
import { assertAbsent, assertNone, listBy, mustFind } from './find.ts';
import { kindOf, type SwitchArguments, writeSwitch } from './switch-settings.ts';
import type { World } from './world.ts';

interface OfSwitch {
	readonly switch: string;
}

export async function listSwitches(tx: ReadTransaction): Promise<string[]> {
	return (await tx.list(switches)).map(({ id }) => id).sort();
}

/** @throws DuplicateError, BadArgumentError */
export async function registerSwitch(tx: Transaction, args: SwitchArguments, world: World): Promise<void> {
	checkLabel('switch', args.switch);
	await assertAbsent(tx, switches, args.switch, `switch ${args.switch}`);
	await writeSwitch(tx, args, world);
}

export async function deleteSwitch(tx: Transaction, { switch: label }: OfSwitch): Promise<void> {
	await mustFind(tx, switches, label, `switch ${label}`);
	await assertNone(tx, ports, 'switch', label, `Switch ${label} has ports: delete them first.`);
	await assertNone(tx, actions, 'switch', label, `Actions on switch ${label} are pending.`);
	await tx.delete(switches, label);
	await tx.delete(switchSecrets, label);
	await tx.delete(switchChecks, label);
}

export interface SwitchView {
	readonly name: string;
	readonly ports: readonly { readonly label: string }[];
	readonly capabilities: readonly string[];
}

export async function showSwitch(
	tx: ReadTransaction,
	{ switch: label }: OfSwitch,
	world: World,
): Promise<SwitchView> {
	const { type } = await mustFind(tx, switches, label, `switch ${label}`);
	return {
		name: label,
		ports: (await listBy(tx, ports, 'switch', label)).map(port => ({ label: port.label })),
		capabilities: world.switchKinds.get(type)?.capabilities ?? [],
	};
}

interface OfPort extends OfSwitch {
	readonly port: string;
}

async function findPort(tx: ReadTransaction, of: OfPort): Promise<Port> {
	await mustFind(tx, switches, of.switch, `switch ${of.switch}`);
	return mustFind(tx, ports, portId(of), `port ${of.port} on switch ${of.switch}`);
}

export async function registerPort(tx: Transaction, of: OfPort, world: World): Promise<void> {
	const { type } = await mustFind(tx, switches, of.switch, `switch ${of.switch}`);
	await assertAbsent(tx, ports, portId(of), `port ${of.port} on switch ${of.switch}`);
	const kind = kindOf(type, world);
	if (!kind.isPortName(of.port)) {
		throw hilErrors.BadArgumentError(`'${of.port}' is no port of this type of switch: ${kind.portNames}.`);
	}
	await tx.insert(ports, portId(of), { switch: of.switch, label: of.port, nic: null });
}

export async function deletePort(tx: Transaction, of: OfPort): Promise<void> {
	const { nic } = await findPort(tx, of);
	if (nic !== null) throw hilErrors.BlockedError(`NIC ${nic} is in port ${of.port}: detach it first.`);
	await tx.delete(ports, portId(of));
}

export type PortView =
	| { readonly node: string; readonly nic: string; readonly networks: Readonly<Record<string, string>> }
	| Record<string, never>;

export async function showPort(tx: ReadTransaction, of: OfPort): Promise<PortView> {
	const { nic } = await findPort(tx, of);
	const found = nic === null ? undefined : await tx.get(nics, nic);
	if (nic === null || found === undefined) return {};
	const attached = await listBy(tx, attachments, 'nic', nic);
	return {
		node: found.node,
		nic: found.label,
		networks: Object.fromEntries(attached.map(({ channel, network }) => [channel, network])),
	};
}

/** Records that a NIC is plugged into a port. */
export async function connectNic(
	tx: Transaction,
	of: OfPort & { readonly node: string; readonly nic: string },
): Promise<void> {
	const port = await findPort(tx, of);
	await mustFind(tx, nodes, of.node, `node ${of.node}`);
	const id = `${of.node}/${of.nic}`;
	const nic = await mustFind(tx, nics, id, `NIC ${of.nic} on node ${of.node}`);
	if (nic.port !== null) throw hilErrors.DuplicateError(`NIC ${of.nic} is in port ${nic.port} already.`);
	if (port.nic !== null) throw hilErrors.DuplicateError(`Port ${of.port} has NIC ${port.nic} in it already.`);
	await tx.put(nics, id, { ...nic, port: portId(of) });
	await tx.put(ports, portId(of), { ...port, nic: id });
}

/** @throws BlockedError while the node is a project's, or an action is pending: it would change a stranger's port */
export async function detachNic(tx: Transaction, of: OfPort): Promise<void> {
	const port = await findPort(tx, of);
	if (port.nic === null) throw hilErrors.NotFoundError(`No NIC is in port ${of.port}.`);
	const nic = await mustFind(tx, nics, port.nic, `NIC ${port.nic}`);
	const { project } = await mustFind(tx, nodes, nic.node, `node ${nic.node}`);
	if (project !== null)
		throw hilErrors.BlockedError(`Node ${nic.node} is not free: detach it from its project first.`);
	await assertNone(tx, actions, 'nic', port.nic, `An action on port ${of.port} is pending: wait for it.`);
	await assertNone(tx, attachments, 'nic', port.nic, `Port ${of.port} carries networks: revert it first.`);
	await tx.put(nics, port.nic, { ...nic, port: null });
	await tx.put(ports, portId(of), { ...port, nic: null });
}

/** Asks for everything to be taken off a port. */
export async function revertPort(tx: Transaction, of: OfPort, world: World): Promise<Queued> {
	const port = await findPort(tx, of);
	if (port.nic === null) throw hilErrors.NotFoundError(`No NIC is in port ${of.port}.`);
	await assertNone(tx, actions, 'nic', port.nic, `An action on port ${of.port} is pending: wait for it.`);
	const nic = await mustFind(tx, nics, port.nic, `NIC ${port.nic}`);
	const { project } = await mustFind(tx, nodes, nic.node, `node ${nic.node}`);
	return queueAction(
		tx,
		{ type: 'revert_port', node: nic.node, nic, port, project, channel: '', network: null, vlan: null },
		world,
	);
}
