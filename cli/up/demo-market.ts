import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { createHilClient } from '../../hil/client.ts';
import { createMarketClient } from '../../market/client.ts';
import { openMarket } from '../../market/main.ts';
import { readMarketSite } from '../../market/site.ts';
import type { DemoHil } from './demo-hil.ts';
import { demoProjects } from './demo-rack.ts';
import { type DemoSite, openServiceCertificate } from './demo-site.ts';
import { reachable } from './ports.ts';

export interface DemoMarket {
	readonly url: string;
	readonly ops: string;
	close(): Promise<void>;
}

/** At hil, an administrator. */
const account = 'market';
/** Whose the rack's servers are, and what each project has to begin with. */
const [owner] = demoProjects;
const allowance = '100';

/**
 * Starts the market on embedded defaults, its file written anew: users and nodes are hil's, where it has an account of its own.
 * The servers that it does not know yet are recorded as the first project's; each project gets some credits, once.
 */
export async function startDemoMarket(options: {
	readonly site: DemoSite;
	readonly hil: DemoHil;
	/** Where servers boot from its disks. */
	readonly provisioner: string | undefined;
	/** The broker's. */
	readonly events: string;
	readonly listen: { readonly host: string; readonly port: number };
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<DemoMarket> {
	const { site, hil, provisioner, events, listen, clock, logger } = options;
	await hil.openAccount(account);
	const path = join(site.folder, 'market.yaml');
	const content = {
		store: { engine: 'sqlite', file: 'market.sqlite' },
		listen,
		tls: await openServiceCertificate(site, 'market', clock),
		hil: { url: hil.url, ca: 'ca/site.crt.pem', username: account, password: `secrets/hil-${account}` },
		...(provisioner && { provisioner: { url: provisioner, ca: 'ca/site.crt.pem' } }),
		events: { url: events, username: 'market', password: 'secrets/events-market' },
		log: { level: 'warn' },
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal market -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	const running = await openMarket(readMarketSite(path), { logger });
	const url = reachable(running.url);
	await furnish(options, url).catch(fault => {
		// People may have changed more than a start can know.
		if (!(fault instanceof BimetalError)) throw fault;
		logger.warn(
			{ err: fault },
			'the market runs, but not all servers are recorded there, or no credits granted',
		);
	});
	return { url, ops: running.ops, close: () => running.close() };
}

async function furnish(
	{ site, hil, clock }: Parameters<typeof startDemoMarket>[0],
	url: string,
): Promise<void> {
	const admin = hil.users.find(({ project }) => project === null);
	if (!admin) throw new Error('hil has no administrator');
	const as = { ca: site.authority.certificatePem, username: admin.name, password: admin.password };
	const [nodes, market] = [
		createHilClient({ url: hil.url, ...as, clock }),
		createMarketClient({ url, ...as }),
	];
	try {
		const known = new Set((await market.servers()).map(({ name }) => name));
		const { nodes: found } = await nodes.searchNodes({ limit: 1000 });
		for (const { name, properties } of found)
			if (!known.has(name)) await market.recordServer(name, { owner, properties: plainOf(properties) });
		for (const project of demoProjects)
			await market.moveCredits(project, 'grant', {
				amount: allowance,
				key: 'first-start',
				note: 'to begin with',
			});
	} finally {
		await Promise.all([nodes.close(), market.close()]);
	}
}

/** What tells one machine from the next of its kind, and so is no kind: prices are told by kinds. */
const ofOneAlone: ReadonlySet<string> = new Set(['serial', 'location']);

/** What hil knows of a node, as far as bids can ask for it: plain values under names that are not too long. */
function plainOf(properties: Readonly<Record<string, unknown>>): Record<string, string | number | boolean> {
	const plain: Record<string, string | number | boolean> = {};
	for (const [name, value] of Object.entries(properties)) {
		const isPlain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
		if (isPlain && !ofOneAlone.has(name) && name.length <= 64 && String(value).length <= 256)
			plain[name] = value;
	}
	return plain;
}
