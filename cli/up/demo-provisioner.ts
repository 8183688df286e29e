import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { missingPackages } from '../../common/processes/programs.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { openProvisioner } from '../../provisioner/main.ts';
import { readProvisionerSite } from '../../provisioner/site.ts';
import type { DemoHil } from './demo-hil.ts';
import { type DemoSite, openServiceCertificate } from './demo-site.ts';
import { reachable } from './ports.ts';

export interface DemoProvisioner {
	readonly url: string;
	readonly ops: string;
	/** Debian packages without which it keeps what it has, and takes and clones nothing. */
	readonly missing: readonly string[];
	close(): Promise<void>;
}

/** What takes an image in, and what makes a disk of one. */
const programs = ['qemu-img', 'qemu-storage-daemon'];

/**
 * Starts the provisioner on embedded defaults, its file written anew: its users are those of hil, where it has an account of
 * its own. It serves images and disks; the emulated servers boot nothing, so it has no network to boot them on.
 */
export async function startDemoProvisioner(options: {
	readonly site: DemoSite;
	readonly hil: DemoHil;
	readonly listen: { readonly host: string; readonly port: number };
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<DemoProvisioner> {
	const { site, hil, listen, clock, logger } = options;
	await hil.openAccount(account);
	const path = join(site.folder, 'provisioner.yaml');
	const content = {
		store: { engine: 'sqlite', file: 'provisioner.sqlite' },
		listen,
		tls: await openServiceCertificate(site, 'provisioner', clock),
		hil: { url: hil.url, ca: 'ca/site.crt.pem', username: account, password: `secrets/hil-${account}` },
		storage: { folder: 'storage' },
		log: { level: 'warn' },
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal provisioner -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	const running = await openProvisioner(readProvisionerSite(path), { logger });
	return {
		url: reachable(running.url),
		ops: running.ops,
		missing: await missingPackages(programs),
		close: () => running.close(),
	};
}

/** At hil. */
const account = 'provisioner';
