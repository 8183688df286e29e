import { usageError } from '../failure.ts';
import { visible } from '../visible.ts';

/** A network that a NIC is to be on; on the native channel when none is named. */
export interface NicNetwork {
	readonly nic: string;
	readonly network: string;
	readonly channel?: string;
}

/** What `--network NIC:NETWORK` or `NIC:NETWORK:VLAN` says. */
export function nicNetwork(text: string): NicNetwork {
	const [nic = '', network = '', channel, ...rest] = text.split(':');
	if (!nic || !network || rest.length > 0)
		throw usageError(
			`'${visible(text)}' names no network of a NIC`,
			'--network eth0:inner, or eth0:store:101',
		);
	const on = channelOf(channel);
	return { nic, network, ...(on !== undefined && { channel: on }) };
}

/** `native`, `vlan/101`, or as HIL has it. */
export function channelOf(text: string | undefined): string | undefined {
	if (text === undefined || text === 'native') return undefined;
	if (/^\d+$/.test(text)) return `vlan/${text}`;
	return text;
}
