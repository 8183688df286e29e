import type { ExecutionContext } from 'ava';
import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';
import type { ProvisionedRack } from './provisioned-rack.ts';

/** A machine on a VLAN that is nobody's node. */
export interface Stranger {
	/** Its network, as nsenter(1) takes it. */
	readonly network: string;
	/** Its only card there. */
	readonly device: string;
	/** Takes an address of its own choice, and a hardware address. */
	become(address: string, mac?: string): Promise<void>;
}

export async function stranger(
	t: ExecutionContext,
	{ plugIn }: Pick<ProvisionedRack, 'plugIn'>,
	vlan: number,
): Promise<Stranger> {
	const device = await plugIn(vlan);
	const namespace = await createNetworkNamespace({ run: `test-stranger-${process.pid}`, folder: '/' });
	t.teardown(() => namespace.close());
	await runIp(undefined, [`link set dev ${device} netns ${namespace.path}`]);
	const network = namespace.path;
	return {
		network,
		device,
		become: (address, mac) =>
			runIp(network, [
				`link set dev ${device} down`,
				...(mac === undefined ? [] : [`link set dev ${device} address ${mac}`]),
				`address flush dev ${device}`,
				`address add ${address}/24 dev ${device}`,
				`link set dev ${device} up`,
			]),
	};
}
