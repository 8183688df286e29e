import { createHash } from 'node:crypto';
import { runIp } from '../../common/network/ip-commands.ts';
import type { NetworkNamespace } from '../../common/network/network-namespace.ts';

/** Characters of a device's name (IFNAMSIZ is 16, with the zero at its end). */
const longestName = 15;

/** The tap device of a port: the port's own name where that fits, else one made of it. */
export function tapName(port: string): string {
	if (/^[a-z][a-z0-9.-]*$/.test(port) && port.length <= longestName && !port.startsWith('ovs-')) return port;
	return `tap-${createHash('sha256').update(port).digest('hex').slice(0, 11)}`;
}

/**
 * Makes a tap and switches it on. It gets no address, not even IPv6's automatic one, so that the kernel has nothing to
 * say on it. Throws NetworkRefused with ip's own words.
 */
export async function addTap(namespace: NetworkNamespace, tap: string): Promise<void> {
	await runIp(namespace.path, [
		`tuntap add dev ${tap} mode tap`,
		`link set dev ${tap} addrgenmode none`,
		`link set dev ${tap} up`,
	]);
}

export async function removeTap(namespace: NetworkNamespace, tap: string): Promise<void> {
	await runIp(namespace.path, [`link delete dev ${tap}`]);
}
