import { vlanRanges } from '../../common/vlan-ranges.ts';
import type { ChangeView, TopologyView } from '../../hil/client.ts';
import type { CliContext } from '../context.ts';
import { painter, printTable } from '../output.ts';
import { visible } from '../visible.ts';

type PortState = ChangeView['ports'][number]['before'];

/** `100, tagged 101 102`: what a port carries, by VLAN. */
export function carries({ native, tagged }: PortState): string {
	const parts = [
		...(native === null ? [] : [String(native)]),
		...(tagged.length === 0 ? [] : [`tagged ${vlanRanges(tagged).join(' ')}`]),
	];
	return parts.join(', ') || 'nothing';
}

/** Which port comes to carry what; where it is, for those who are told. */
export async function printPortChanges(context: CliContext, ports: ChangeView['ports']): Promise<void> {
	const paint = painter(context);
	const isTold = ports.some(port => port.switch !== undefined);
	await printTable(
		context,
		['NODE', 'NIC', ...(isTold ? ['SWITCH', 'PORT'] : []), 'VLANS BEFORE', 'AFTER'],
		ports.map(({ node, nic, switch: of, port, before, after }) => [
			visible(node),
			visible(nic),
			...(isTold ? [visible(of ?? ''), visible(port ?? '')] : []),
			carries(before),
			carries(before) === carries(after) ? carries(after) : paint('bold', carries(after)),
		]),
	);
}

/** `inner (100), store (101, tagged)`: what a NIC is on. */
export function networksText(
	context: CliContext,
	{ networks, pending }: Pick<TopologyView['nodes'][number]['nics'][number], 'networks' | 'pending'>,
): string {
	const texts = [...networks]
		.sort((a, b) => Number(a.channel !== 'vlan/native') - Number(b.channel !== 'vlan/native'))
		.map(
			({ network, channel, vlan }) => `${network} (${vlan}${channel === 'vlan/native' ? '' : ', tagged'})`,
		);
	const being = pending ? ` ${painter(context)('yellow', 'changing')}` : '';
	return `${visible(texts.join(', ')) || '-'}${being}`;
}
