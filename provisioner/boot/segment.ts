import { createHash } from 'node:crypto';
import { type Clock, pause } from '../../common/clock.ts';
import { runIp } from '../../common/network/ip-commands.ts';
import { createNetworkNamespace } from '../../common/network/network-namespace.ts';
import { provisionerErrors } from '../errors.ts';
import type { NetworkPlan } from './network-plan.ts';

/** Our side of a provisioning network: a network namespace with one device, which is on the nodes' VLAN. */
export interface Segment {
	/** As nsenter(1) takes it. */
	readonly network: string;
	/** With the last process in it, it is gone, and its device is. */
	close(): void;
}

/** What it is called within the namespace. */
export const segmentDevice = 'boot0';
/** Milliseconds for a device of ours from before to be gone. */
const patience = 20_000;
/** Announced so that iPXE need not wait for a router of IPv6; nothing of ours listens there. */
const routerAddress = 'fd78::1';

/**
 * Nodes and this machine cannot meet there: what is on the VLAN reaches the namespace alone, by a device of its own on top
 * of the site's (macvlan), which stays as it is. The kernel takes all of it away with our last process, however that ends.
 * Throws NetworkFault with the kernel's words.
 */
export async function openSegment(
	plan: NetworkPlan,
	options: { run: string; folder: string; clock: Clock },
): Promise<Segment> {
	const { clock } = options;
	const namespace = await createNetworkNamespace(options);
	try {
		await runIp(undefined, [
			`link set dev ${plan.device} up`,
			`link add link ${plan.device} name ${segmentDevice} netns ${namespace.path} address ${hardwareAddress(plan)} type macvlan mode private`,
		]);
		await runIp(namespace.path, [
			'link set dev lo up',
			...plan.addresses.map(address => `address add ${address}/${plan.own.prefix} dev ${segmentDevice}`),
			`address add ${routerAddress}/64 dev ${segmentDevice} nodad`,
		]);
		for (const until = clock.elapsed() + patience; ; ) {
			try {
				await runIp(namespace.path, [`link set dev ${segmentDevice} up`]);
				break;
			} catch (fault) {
				// A provisioner that was killed leaves its device to the kernel, which takes a moment to clear it away.
				if (!/already in use/i.test((fault as Error).message) || clock.elapsed() > until) throw fault;
				await pause(clock, 50);
			}
		}
		return { network: namespace.path, close: () => namespace.close() };
	} catch (cause) {
		namespace.close();
		throw provisionerErrors.NetworkFault(
			`Provisioning network ${plan.name}, interface ${plan.device}: ${(cause as Error).message}`,
			{ cause },
		);
	}
}

/** The same after each start, so that nodes need not learn it anew; locally administered (IEEE 802, section 8.4). */
function hardwareAddress({ name, host }: NetworkPlan): string {
	const digest = createHash('sha256').update(`${name}\0${host}`).digest('hex');
	return `02${digest.slice(0, 10)}`.match(/../g)?.join(':') ?? '';
}
