import type { BootNetwork } from '../boot/boot-network.ts';
import { provisionerErrors } from '../errors.ts';
import type { NicOn } from '../model/booting.ts';
import type { NodeAtHil } from './node-at-hil.ts';

export interface FindNicsDeps {
	readonly nodes: Pick<NodeAtHil, 'look'>;
	/** By hil's name of the network. */
	readonly networks: ReadonlyMap<string, BootNetwork>;
}

/** A NIC by its name, or the node's first; on a provisioning network by its name, or on the site's first. */
export interface WantedNic {
	readonly nic?: string | undefined;
	readonly network?: string | undefined;
}

/**
 * The NICs of a project's node that it is to boot by, each on a network of its own: two on one could not be told apart by
 * where their frames go. @throws NotThere for a node, NIC or network that is not there; InUse for a NIC that is elsewhere
 */
export async function findNics(
	{ nodes, networks }: FindNicsDeps,
	{ node, project, wanted }: { node: string; project: string; wanted: readonly WantedNic[] },
): Promise<readonly NicOn[]> {
	const found: NicOn[] = [];
	for (const { nic: name, network = [...networks.keys()][0] } of wanted) {
		if (network === undefined)
			throw provisionerErrors.NotThere(
				'Nodes boot from disks where the provisioner has a network for it: `networks` in its provisioner.yaml names none.',
			);
		if (!networks.has(network))
			throw provisionerErrors.NotThere(`There is no provisioning network ${network}.`);
		const { project: owner, nic } = await nodes.look(node, name);
		if (owner !== project) throw provisionerErrors.NotThere(`Node ${node} is not of project ${project}.`);
		if (nic.network !== null && nic.network !== network) {
			throw provisionerErrors.InUse(
				`NIC ${nic.label} of node ${node} is on network ${nic.network}: detach it first.`,
			);
		}
		if (found.some(other => other.nic === nic.label || other.network === network)) {
			throw provisionerErrors.InUse('Each NIC of a node boots on a network of its own, and is named once.');
		}
		found.push({ nic: nic.label, mac: nic.mac, network });
	}
	return found;
}
