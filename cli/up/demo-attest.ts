import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { createRegistrarClient } from '../../attest/client.ts';
import { openAttest } from '../../attest/main.ts';
import { readAttestSite } from '../../attest/site.ts';
import type { Clock } from '../../common/clock.ts';
import { closeAll } from '../../common/close-all.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { openAuthority } from '../../common/identity/authority-store.ts';
import type { Logger } from '../../common/log/logger.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import type { DemoHil } from './demo-hil.ts';
import type { DemoProvisioner } from './demo-provisioner.ts';
import { bootNetwork } from './demo-rack.ts';
import { type DemoSite, openServiceCertificate } from './demo-site.ts';
import type { Machines } from './machine-room.ts';
import { openNodeSide } from './node-side.ts';
import { reachable } from './ports.ts';

export interface DemoAttest {
	readonly url: string;
	readonly ops: string;
	/** Where servers reach it; undefined where none has a TPM, or none boots from the provisioner. */
	readonly forNodes: string | undefined;
	close(): Promise<void>;
}

/** At hil and the provisioner, an administrator. */
const account = 'attest';
/** hil's projects for nodes on their way, and for those that were refused. */
const [airlock, rejected] = ['airlock', 'rejected'];
/** On the network that servers boot on, beside the provisioner; the usual port, for that network is this site's alone. */
const nodeSide = { host: '10.64.0.200', port: 5002 };

/**
 * Starts registrar and verifier on embedded defaults, their file written anew: users are hil's, where it has an account of its own.
 * Where servers have TPMs these are on record, and where they boot from the provisioner, they pass through an airlock.
 */
export async function startDemoAttest(options: {
	readonly site: DemoSite;
	readonly hil: DemoHil;
	readonly provisioner: Pick<DemoProvisioner, 'url' | 'vlan'> | undefined;
	readonly machines: Pick<Machines, 'rackSwitch' | 'tpms'>;
	/** The broker's. */
	readonly events: string;
	readonly listen: { readonly host: string; readonly port: number };
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<DemoAttest> {
	const { site, hil, provisioner, events, listen, clock, logger } = options;
	const { rackSwitch, tpms } = options.machines;
	const { folder } = site;
	await hil.openAccount(account);
	const vlan = tpms && provisioner?.vlan;
	const hasAirlock = vlan !== undefined;
	if (hasAirlock) await hil.openProjects([airlock, rejected]);
	const atHil = { username: account, password: `secrets/hil-${account}`, ca: 'ca/site.crt.pem' };
	const path = join(folder, 'attest.yaml');
	const content = {
		store: { engine: 'sqlite', file: 'attest.sqlite' },
		listen,
		tls: await openServiceCertificate(site, 'attest', clock, hasAirlock ? [nodeSide.host] : []),
		users: { hil: { url: hil.url, ca: 'ca/site.crt.pem' } },
		registrar: tpms
			? { roots: tpms.roots, intermediates: tpms.intermediates }
			: await noMakers(folder, clock),
		verifier: {
			hil: { url: hil.url, ...atHil },
			events: { url: events, username: 'attest', password: 'secrets/events-attest' },
		},
		...(hasAirlock && {
			airlock: {
				hil: { url: hil.url, ...atHil },
				project: airlock,
				network: bootNetwork,
				rejected,
				boot: { provisioner: { url: provisioner?.url, ...atHil }, image: `${airlock}/airlock` },
			},
		}),
		log: { level: 'warn' },
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal attest -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	const opened: (() => unknown)[] = [];
	const close = (): Promise<void> => closeAll(opened);
	try {
		const running = await openAttest(readAttestSite(path), { logger });
		opened.push(() => running.close());
		const url = reachable(running.url);
		if (tpms) await enrol(options, url, tpms.certificates);
		if (rackSwitch && hasAirlock) {
			const side = await openNodeSide(rackSwitch, { ...nodeSide, vlan, to: Number(new URL(url).port) });
			opened.push(() => side.close());
		}
		const forNodes = hasAirlock ? `https://${nodeSide.host}:${nodeSide.port}` : undefined;
		return { url, ops: running.ops, forNodes, close };
	} catch (fault) {
		await close();
		throw fault;
	}
}

/** A root that has signed nothing yet: servers without TPMs cannot register. swtpm_localca(8) can sign those of others with it. */
async function noMakers(folder: string, clock: Clock): Promise<{ readonly roots: readonly string[] }> {
	await openAuthority({ folder: join(folder, 'ca'), name: 'tpm', title: 'Bimetal demo TPMs', clock });
	return { roots: ['ca/tpm.crt.pem'] };
}

/** Puts on record whose TPM is whose; what cannot be is told, for people may have enrolled another one. */
async function enrol(
	{ site, hil, logger }: Parameters<typeof startDemoAttest>[0],
	url: string,
	certificates: Readonly<Record<string, string>>,
): Promise<void> {
	const admin = hil.users.find(({ project }) => project === null);
	if (!admin) throw new Error('hil has no administrator');
	const credential = { username: admin.name, password: admin.password };
	const client = createRegistrarClient({ url, ca: site.authority.certificatePem, credential });
	try {
		const known = new Set((await client.enrolments()).map(({ node }) => node));
		for (const [node, file] of Object.entries(certificates)) {
			if (known.has(node)) continue;
			await client.enrol(node, keyFingerprint(new X509Certificate(await readFile(file)).publicKey));
		}
	} catch (fault) {
		if (!(fault instanceof BimetalError)) throw fault;
		logger.warn({ err: fault }, 'registrar and verifier run, but not all TPMs are on record');
	} finally {
		await client.close();
	}
}
