import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import type { ProvisionedRack } from './provisioned-rack.ts';

/** Packets that the switch has passed on to a node, and that the node has sent. */
export async function packets(
	{ network }: Pick<ProvisionedRack, 'network'>,
	{ name }: VirtualNode,
): Promise<{ toNode: number; fromNode: number }> {
	const port = (await network.ports()).find(each => each.name === `${name}.0`);
	const show = ['ip', '-json', '-stats', 'link', 'show', 'dev', port?.tap ?? ''];
	const { stdout } = await promisify(execFile)('nsenter', [`--net=${network.network}`, '--', ...show]);
	const [{ stats64 }] = JSON.parse(stdout);
	return { toNode: stats64.tx.packets, fromNode: stats64.rx.packets };
}
