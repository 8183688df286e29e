import type { ReadTransaction, Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { actions } from '../model/action.ts';
import { checkLabel } from '../model/label.ts';
import { attachments } from '../model/network.ts';
import { free, metadata, metadatumId, nics, nodes } from '../model/node.ts';
import { ports } from '../model/switch.ts';
import { assertAbsent, assertNone, listBy, mustFind } from './find.ts';
import { setMetadata } from './metadata.ts';
import type { World } from './world.ts';

interface OfNode {
	readonly node: string;
}

/** Names of the free nodes, or of all: whatever is not `free` means all. */
export async function listNodes(tx: ReadTransaction, { pool }: { readonly pool: string }): Promise<string[]> {
	const found = await tx.list(nodes, pool === 'free' ? { where: { index: 'project', equals: free } } : {});
	return found.map(({ id }) => id).sort();
}

export interface NodeView {
	readonly name: string;
	readonly project: string | null;
	readonly nics: readonly {
		readonly label: string;
		readonly macaddr: string;
		readonly networks: Readonly<Record<string, string>>;
		/** Where it is plugged in: told to administrators only. */
		readonly port?: string | null;
		readonly switch?: string | null;
	}[];
	/** JSON texts by label. */
	readonly metadata: Readonly<Record<string, string>>;
}

export async function showNode(tx: ReadTransaction, { node }: OfNode, world: World): Promise<NodeView> {
	const { project } = await mustFind(tx, nodes, node, `node ${node}`);
	const attached = await listBy(tx, attachments, 'node', node);
	const shown: NodeView['nics'][number][] = [];
	for (const { label, mac, port } of await listBy(tx, nics, 'node', node)) {
		const plugged = port === null ? undefined : await tx.get(ports, port);
		const own = attached.filter(({ nic }) => nic === label);
		shown.push({
			label,
			macaddr: mac,
			networks: Object.fromEntries(own.map(({ channel, network }) => [channel, network])),
			...(world.actor.isAdmin && { port: plugged?.label ?? null, switch: plugged?.switch ?? null }),
		});
	}
	const notes = await listBy(tx, metadata, 'node', node);
	return {
		name: node,
		project,
		nics: shown,
		metadata: Object.fromEntries(notes.map(({ label, value }) => [label, value])),
	};
}

/**
 * Records a node: free, without NICs, its management disabled. The token of HIL's own management daemon has no use
 * here and is not kept: the proxy is told who hil is by hil's own credential.
 */
export async function registerNode(
	tx: Transaction,
	args: OfNode & {
		readonly obmd: { readonly uri: string };
		readonly metadata?: Readonly<Record<string, unknown>> | undefined;
	},
	world: World,
): Promise<void> {
	const { node, obmd } = args;
	checkLabel('node', node);
	await assertAbsent(tx, nodes, node, `node ${node}`);
	checkObmUri(obmd.uri, world);
	await tx.insert(nodes, node, {
		label: node,
		project: null,
		obmUri: obmd.uri,
		obmEnabled: false,
		leaving: false,
		leaseEnd: null,
	});
	for (const [label, value] of Object.entries(args.metadata ?? {}))
		await setMetadata(tx, { node, label, value });
}

/** An address elsewhere would be sent what only the proxy should see. */
function checkObmUri(uri: string, { obmUrls }: World): void {
	if (!URL.canParse(uri) || uri.length > 1000) throw hilErrors.BadArgumentError(`'${uri}' is not a URL.`);
	const { origin, pathname, search, hash, username } = new URL(uri);
	const isPlain = search === '' && hash === '' && username === '';
	if (obmUrls.length === 0 || (isPlain && obmUrls.includes(origin) && /^\/bmc\/[^/]+$/.test(pathname)))
		return;
	throw hilErrors.BadArgumentError(
		`The address of a node's management is of the form ${obmUrls.map(url => `${url}/bmc/NAME`).join(' or ')}.`,
	);
}

/** Its metadata go with it; nothing else does. */
export async function deleteNode(tx: Transaction, { node }: OfNode): Promise<void> {
	const { project, obmEnabled } = await mustFind(tx, nodes, node, `node ${node}`);
	if (project !== null) {
		throw hilErrors.BlockedError(`Node ${node} belongs to project ${project}: detach it first.`);
	}
	await assertNone(tx, nics, 'node', node, `Node ${node} has NICs: delete them first.`);
	if (obmEnabled)
		throw hilErrors.BlockedError(`The management of node ${node} is enabled: disable it first.`);
	for (const { label } of await listBy(tx, metadata, 'node', node)) {
		await tx.delete(metadata, metadatumId(node, label));
	}
	await tx.delete(nodes, node);
}

/** Lets the node's project manage it, or ends that. */
export async function setObm(
	tx: Transaction,
	{ node, enabled }: OfNode & { readonly enabled: boolean },
): Promise<void> {
	const found = await mustFind(tx, nodes, node, `node ${node}`);
	if (found.leaving) throw hilErrors.BlockedError(`Node ${node} is leaving its project.`);
	await tx.put(nodes, node, { ...found, obmEnabled: enabled });
}

interface OfNic extends OfNode {
	readonly nic: string;
}

export async function registerNic(
	tx: Transaction,
	{ node, nic, macaddr }: OfNic & { readonly macaddr: string },
): Promise<void> {
	await mustFind(tx, nodes, node, `node ${node}`);
	checkLabel('NIC', nic);
	await assertAbsent(tx, nics, `${node}/${nic}`, `NIC ${nic} on node ${node}`);
	await tx.insert(nics, `${node}/${nic}`, { node, label: nic, mac: macaddr, port: null });
}

/** @throws BlockedError while it is in a port (which it cannot leave while it is attached to anything) */
export async function deleteNic(tx: Transaction, { node, nic }: OfNic): Promise<void> {
	await mustFind(tx, nodes, node, `node ${node}`);
	const id = `${node}/${nic}`;
	const { port } = await mustFind(tx, nics, id, `NIC ${nic} on node ${node}`);
	if (port !== null) throw hilErrors.BlockedError(`NIC ${nic} is in port ${port}: detach it there first.`);
	await assertNone(tx, attachments, 'nic', id, `NIC ${nic} is attached to networks: detach them first.`);
	await assertNone(tx, actions, 'nic', id, `NIC ${nic} has a pending action: wait for it.`);
	await tx.delete(nics, id);
}
