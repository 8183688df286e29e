import { forwardPort } from '../../common/network/forward-port.ts';
import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';
import { layBootWire } from './boot-wire.ts';
import type { SwitchOfRack } from './machine-room.ts';

/** Where the servers of a rack reach a service: its address on their network, in a namespace that has nothing else. */
export interface NodeSide {
	close(): Promise<void>;
}

/** Milliseconds: agents come back with a connection of their own after that. */
const lifetime = 10 * 60_000;

/**
 * Gives a port of this machine's loopback an address on a VLAN of a rack's switch.
 * @throws BimetalError NetworkRefused, NamespaceRefused, ListenFailed
 */
export async function openNodeSide(
	rackSwitch: SwitchOfRack,
	at: { readonly vlan: number; readonly host: string; readonly port: number; readonly to: number },
): Promise<NodeSide> {
	const { vlan, host, port, to } = at;
	const namespace = await createNetworkNamespace({ run: `bimetal-up-${process.pid}`, folder: '/' });
	const wire = await layBootWire(rackSwitch, vlan, 'bmnear').catch(fault => {
		namespace.close();
		throw fault;
	});
	const close = async (): Promise<void> => {
		await wire.close();
		namespace.close();
	};
	try {
		await runIp(undefined, [`link set dev ${wire.device} netns ${namespace.path}`]);
		await runIp(namespace.path, [
			'link set dev lo up',
			`address add ${host}/24 dev ${wire.device}`,
			`link set dev ${wire.device} up`,
		]);
		const listening = await forwardPort({ network: namespace.path, host, port, to, lifetime });
		let closing: Promise<void> | undefined;
		return {
			close() {
				closing ??= listening.close().then(close);
				return closing;
			},
		};
	} catch (fault) {
		await close();
		throw fault;
	}
}
