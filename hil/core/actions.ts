import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { type Action, actions, counters, type PendingAction } from '../model/action.ts';
import { type Attachment, attachmentId, attachments, nativeChannel } from '../model/network.ts';
import { type Nic, nics } from '../model/node.ts';
import { obmActions } from '../model/obm-action.ts';
import { type Port, ports } from '../model/switch.ts';
import { listBy, mustFind } from './find.ts';
import type { World } from './world.ts';

/** An action that was journalled: its id, and the switch whose worker should know. */
export interface Queued {
	readonly id: string;
	readonly switch: string;
}

interface Wanted extends Pick<PendingAction, 'type' | 'node' | 'project' | 'channel' | 'network' | 'vlan'> {
	readonly nic: Nic;
	readonly port: Port;
}

/** Journals an action behind all others. Who calls has seen that it can follow what is pending for the NIC. */
export async function queueAction(tx: Transaction, wanted: Wanted, world: World): Promise<Queued> {
	const { nic, port, ...rest } = wanted;
	const order = (await tx.get(counters, 'actions'))?.next ?? 0;
	await tx.put(counters, 'actions', { next: order + 1 });
	const id = world.newId();
	await tx.insert(actions, id, {
		status: 'PENDING',
		...rest,
		order,
		nic: nic.label,
		port: `${port.switch}/${port.label}`,
		switch: port.switch,
		askedAt: world.now,
		attempts: 0,
		error: null,
	});
	return { id, switch: port.switch };
}

export interface ActionView {
	readonly status: Action['status'];
	readonly node: string;
	readonly nic: string;
	readonly type: string;
	readonly channel: string;
	readonly new_network: string | null;
}

/** A change of a port; or of what waits for another party, by the same six words. */
export async function showAction(tx: ReadTransaction, { id }: { readonly id: string }): Promise<ActionView> {
	const waiting = id === '' ? undefined : await tx.get(obmActions, id);
	if (waiting) {
		const { status, node, type } = waiting;
		return { status, node, nic: '', type, channel: '', new_network: null };
	}
	const { status, node, nic, type, channel, network } = await mustFind(
		tx,
		actions,
		id,
		`networking action ${id}`,
	);
	return { status, node, nic, type, channel, new_network: network };
}

export interface ActionHistory extends ActionView {
	/** How often it was tried in vain, and what went wrong last. */
	readonly attempts: number;
	readonly error: string | null;
	/** ISO 8601. */
	readonly asked_at: string;
	readonly ended_at: string | null;
}

/** A change of a port, with what HIL's own answer has no room for. */
export async function showErrors(tx: ReadTransaction, of: { readonly id: string }): Promise<ActionHistory> {
	const view = await showAction(tx, of);
	const action = await mustFind(tx, actions, of.id, `change of a port ${of.id}`);
	const { attempts, error, askedAt } = action;
	const endedAt = action.status === 'PENDING' ? null : new Date(action.endedAt).toISOString();
	return { ...view, attempts, error, asked_at: new Date(askedAt).toISOString(), ended_at: endedAt };
}

/** What a port carries: an untagged VLAN or none, and tagged ones in order. */
export interface PortState {
	readonly native: number | null;
	readonly tagged: readonly number[];
}

/** What an action comes to on the switch. `before` is what is recorded, and to be had again when it fails. */
export type Plan =
	| { readonly kind: 'ended' }
	| { readonly kind: 'lost'; readonly reason: string }
	| {
			readonly kind: 'change';
			readonly action: PendingAction;
			/** As the switch calls it. */
			readonly port: string;
			readonly before: PortState;
			readonly wanted: PortState;
	  };

/** Who is attached once an action is done, when these were before. */
function attachedAfter(before: readonly Attachment[], action: Action): readonly Attachment[] {
	const { node, nic, project, channel, network, vlan, type } = action;
	if (type === 'revert_port') return [];
	const others = before.filter(each => each.channel !== channel);
	if (network === null || vlan === null || project === null) return others;
	return [...others, { node, nic, project, network, channel, vlan }];
}

/** Who is attached to a NIC (`node/nic`) once all that is pending for it is done. */
export async function expectedOn(tx: ReadTransaction, nic: string): Promise<readonly Attachment[]> {
	const pending = await listBy(tx, actions, 'nic', nic);
	return pending
		.sort((a, b) => a.order - b.order)
		.reduce(attachedAfter, (await listBy(tx, attachments, 'nic', nic)) as readonly Attachment[]);
}

/** Why an action that came behind others cannot be done after what became of those. */
function obstacle(before: readonly Attachment[], { network, channel }: Action): string | undefined {
	if (network === null) return undefined;
	const inUse = before.find(each => each.channel === channel);
	if (inUse) return `channel ${channel} is still in use by network ${inUse.network}`;
	const elsewhere = before.find(each => each.network === network);
	return elsewhere && `network ${network} is still on channel ${elsewhere.channel}`;
}

export const portState = (of: readonly Attachment[]): PortState => ({
	native: of.find(({ channel }) => channel === nativeChannel)?.vlan ?? null,
	tagged: of
		.filter(({ channel }) => channel !== nativeChannel)
		.map(({ vlan }) => vlan)
		.sort((a, b) => a - b),
});

/** What is to be done for an action, by what is recorded now. */
export async function planAction(tx: ReadTransaction, id: string): Promise<Plan> {
	const action = await tx.get(actions, id);
	if (action?.status !== 'PENDING') return { kind: 'ended' };
	const nic = await tx.get(nics, `${action.node}/${action.nic}`);
	const port = await tx.get(ports, action.port);
	if (nic?.port !== action.port || port === undefined) {
		return {
			kind: 'lost',
			reason: `NIC ${action.nic} of node ${action.node} is no longer in port ${action.port}`,
		};
	}
	const before = await listBy(tx, attachments, 'nic', `${action.node}/${action.nic}`);
	const reason = obstacle(before, action);
	if (reason !== undefined) return { kind: 'lost', reason };
	const wanted = portState(attachedAfter(before, action));
	return { kind: 'change', action, port: port.label, before: portState(before), wanted };
}

/** Records that the switch has it, and with that who is attached to what. */
export async function completeAction(tx: Transaction, id: string, now: number): Promise<void> {
	const action = await tx.get(actions, id);
	if (action?.status !== 'PENDING') return;
	const before = await listBy(tx, attachments, 'nic', `${action.node}/${action.nic}`);
	const after = attachedAfter(before, action);
	for (const each of before) if (!after.includes(each)) await tx.delete(attachments, attachmentId(each));
	for (const each of after) if (!before.includes(each)) await tx.put(attachments, attachmentId(each), each);
	await tx.put(actions, id, { ...action, status: 'DONE', endedAt: now });
}

/** Records that it will not be done; who is attached to what stays as it was. */
export async function failAction(tx: Transaction, id: string, error: string, now: number): Promise<void> {
	const action = await tx.get(actions, id);
	if (action?.status !== 'PENDING') return;
	await tx.put(actions, id, { ...action, status: 'ERROR', error: error.slice(0, 2000), endedAt: now });
}

/** Records what went wrong; it stays pending and is tried again. */
export async function recordAttempt(tx: Transaction, id: string, error: string): Promise<void> {
	const action = await tx.get(actions, id);
	if (action?.status !== 'PENDING') return;
	await tx.put(actions, id, { ...action, attempts: action.attempts + 1, error: error.slice(0, 2000) });
}

/** What is pending on a switch, in order; `nic` is the id of the NIC that each is for. */
export async function pendingOn(
	tx: ReadTransaction,
	switchLabel: string,
): Promise<{ readonly id: string; readonly nic: string }[]> {
	const found = await tx.list(actions, { where: { index: 'switch', equals: switchLabel } });
	return found
		.sort((a, b) => a.document.order - b.document.order)
		.map(({ id, document: { node, nic } }) => ({ id, nic: `${node}/${nic}` }));
}
