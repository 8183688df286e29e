import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { BootNetwork } from '../boot/boot-network.ts';
import { provisionerErrors } from '../errors.ts';
import { type Booting, nicsOf } from '../model/booting.ts';
import type { Storage } from '../storage/storage.ts';
import type { TargetSpec } from '../target/targets.ts';
import { plainName } from './plain-name.ts';

export interface ServeDeps {
	readonly store: Store;
	readonly storage: Storage;
	/** By hil's name of the network. */
	readonly networks: ReadonlyMap<string, BootNetwork>;
	readonly unseal: (sealed: string) => string;
	readonly logger: Logger;
}

/** The network that a node boots on. @throws NotThere when the site has none of that name any more */
export function networkOf({ networks }: Pick<ServeDeps, 'networks'>, name: string): BootNetwork {
	const found = networks.get(name);
	if (!found) throw provisionerErrors.NotThere(`There is no provisioning network ${name}.`);
	return found;
}

/** Serves a node its disks: attached, behind its own secret, on each network that it is on. Again: the same. */
export async function serveDisks(deps: ServeDeps, booting: Booting): Promise<void> {
	const units: TargetSpec['units'][number][] = [];
	for (const disk of booting.disks) {
		const backing = await deps.storage.attach(disk, { isReadOnly: false });
		units.push({ backing, isReadOnly: false, serial: disk });
	}
	for (const { network: at, mac } of nicsOf(booting)) {
		const network = networkOf(deps, at);
		await network.targets.serve({
			iqn: booting.iqn,
			units,
			chap: { username: plainName(booting.node), password: deps.unseal(booting.chap) },
			initiator: booting.initiator,
			addresses: [await network.addressOf(mac)],
		});
	}
}

/** Tells a node that boots where its disk is. Again: the same. */
export async function tellNode(deps: ServeDeps, booting: Booting): Promise<void> {
	const { node, iqn, initiator, hostname, keys, userData } = booting;
	const nics = nicsOf(booting).map(nic => ({ ...nic, at: networkOf(deps, nic.network) }));
	for (const { mac, at } of nics) {
		const others = nics.filter(other => other.mac !== mac);
		await at.set({
			node,
			mac,
			target: {
				portals: at.targets.portals,
				iqn,
				initiator,
				chap: { username: plainName(node), password: deps.unseal(booting.chap) },
			},
			paths: others.map(other => ({ mac: other.mac, portal: other.at.targets.portals[0] ?? '' })),
			hostname,
			keys,
			userData: userData === null ? null : deps.unseal(userData),
		});
	}
}

/** Nobody gets at the disks any more, and they are closed. */
export async function withdrawDisks(deps: ServeDeps, booting: Booting): Promise<void> {
	for (const { network } of nicsOf(booting)) await networkOf(deps, network).targets.drop(booting.iqn);
	for (const disk of booting.disks) await deps.storage.detach(disk);
}
