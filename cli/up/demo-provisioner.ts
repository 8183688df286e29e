import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { missingPackages } from '../../common/processes/programs.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { openProvisioner } from '../../provisioner/main.ts';
import { readProvisionerSite } from '../../provisioner/site.ts';
import { type BootWire, bootPrograms, layBootWire } from './boot-wire.ts';
import type { DemoHil } from './demo-hil.ts';
import { bootNetwork } from './demo-rack.ts';
import { type DemoSite, openServiceCertificate } from './demo-site.ts';
import type { SwitchOfRack } from './machine-room.ts';
import { reachable } from './ports.ts';

export interface DemoProvisioner {
	readonly url: string;
	readonly ops: string;
	/** Debian packages without which it keeps what it has, and takes and clones nothing. */
	readonly missing: readonly string[];
	/** Those without which no server boots from its disks; none where no server could. */
	readonly missingForBoot: readonly string[];
	/** Whether servers boot from its disks. */
	readonly boots: boolean;
	/** The VLAN that they boot on. */
	readonly vlan: number | undefined;
	close(): Promise<void>;
}

/** What takes an image in, and what makes a disk of one. */
const programs = ['qemu-img', 'qemu-storage-daemon'];

/**
 * Starts the provisioner on embedded defaults, its file written anew: its users are those of hil, where it has an account of
 * its own. It serves images and disks; where servers are on a real switch, it has a cable to them, and they boot from its disks.
 */
export async function startDemoProvisioner(options: {
	readonly site: DemoSite;
	readonly hil: DemoHil;
	readonly rackSwitch: SwitchOfRack | undefined;
	readonly listen: { readonly host: string; readonly port: number };
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<DemoProvisioner> {
	const { hil, rackSwitch } = options;
	await hil.openAccount(account);
	const missing = await missingPackages(programs);
	const missingForBoot = rackSwitch ? await missingPackages(bootPrograms) : [];
	const hasAll = missing.length + missingForBoot.length === 0;
	const vlan = rackSwitch && hasAll ? await hil.vlanOf(bootNetwork) : undefined;
	const wire = rackSwitch && vlan !== undefined ? await layBootWire(rackSwitch, vlan) : undefined;
	try {
		return { ...(await openWith({ ...options, missing, missingForBoot, wire })), vlan };
	} catch (fault) {
		await wire?.close();
		throw fault;
	}
}

async function openWith(
	options: Parameters<typeof startDemoProvisioner>[0] & {
		readonly missing: readonly string[];
		readonly missingForBoot: readonly string[];
		readonly wire: BootWire | undefined;
	},
): Promise<Omit<DemoProvisioner, 'vlan'>> {
	const { site, hil, listen, clock, logger, missing, missingForBoot, wire } = options;
	const path = join(site.folder, 'provisioner.yaml');
	const content = {
		store: { engine: 'sqlite', file: 'provisioner.sqlite' },
		listen,
		tls: await openServiceCertificate(site, 'provisioner', clock),
		hil: { url: hil.url, ca: 'ca/site.crt.pem', username: account, password: `secrets/hil-${account}` },
		storage: { folder: 'storage' },
		...(wire && { networks: [{ network: bootNetwork, interface: wire.device, ...addresses }] }),
		log: { level: 'warn' },
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal provisioner -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	const running = await openProvisioner(readProvisionerSite(path), { logger });
	return {
		url: reachable(running.url),
		ops: running.ops,
		missing,
		missingForBoot,
		boots: wire !== undefined,
		async close() {
			await running.close();
			await wire?.close();
		},
	};
}

/** Of the network that servers boot on: this machine has it nowhere else, for it is in a namespace of its own. */
const addresses = { address: '10.64.0.1/24', range: '10.64.0.10-10.64.0.199' };

/** At hil. */
const account = 'provisioner';
