import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';

/** The nodes' side of a provisioning network: a bridge with a tap for each node, and a cable to this machine. */
export interface Wire {
	/** What nodes run in, as nsenter(1) takes it. */
	readonly network: string;
	/** This machine's end of the cable. */
	readonly device: string;
	tapOf(node: number): string;
	close(): Promise<void>;
}

/** A network of its own in the kernel. @throws NetworkRefused, NamespaceRefused for anybody but root */
export async function openWire(options: {
	run: string;
	folder: string;
	nodes: number;
	/** Of whoever else is there, with its prefix. */
	address: string;
}): Promise<Wire> {
	const { nodes } = options;
	const device = `bb${process.pid}`;
	const tapOf = (node: number) => `node${node}`;
	const namespace = await createNetworkNamespace(options);
	try {
		await runIp(undefined, [`link add ${device} type veth peer name up0 netns ${namespace.path}`]);
		await runIp(namespace.path, [
			// Without a spanning tree a port forwards from the start.
			'link add name br0 type bridge stp_state 0 forward_delay 0',
			'link set dev br0 addrgenmode none up',
			`address add ${options.address} dev br0`,
			'link set dev up0 addrgenmode none master br0 up',
			...Array.from({ length: nodes }, (_, node) => tapOf(node)).flatMap(tap => [
				`tuntap add dev ${tap} mode tap`,
				`link set dev ${tap} addrgenmode none master br0 up`,
			]),
		]);
	} catch (fault) {
		await runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined);
		namespace.close();
		throw fault;
	}
	return {
		network: namespace.path,
		device,
		tapOf,
		async close() {
			await runIp(undefined, [`link delete dev ${device}`]).catch(() => undefined);
			namespace.close();
		},
	};
}
