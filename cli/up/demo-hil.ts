import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { createHilClient, type HilClient } from '../../hil/client.ts';
import { openHil } from '../../hil/main.ts';
import { readHilSite } from '../../hil/site.ts';
import { createProxyClient } from '../../proxy/client.ts';
import { describeServer } from '../rack/describe-server.ts';
import { readRackFile } from '../rack/rack-file.ts';
import { planRack } from '../rack/rack-plan.ts';
import { openSecret, secretPath } from './demo-people.ts';
import { completeRackFile, demoProjects, demoSwitch } from './demo-rack.ts';
import { type DemoHilUser, type DemoSite, openServiceCertificate } from './demo-site.ts';
import type { SwitchOfRack } from './machine-room.ts';
import { reachable } from './ports.ts';
import { openServiceAccount } from './service-account.ts';

export interface DemoHil {
	readonly url: string;
	readonly ops: string;
	readonly users: readonly DemoHilUser[];
	/** The VLAN of a network; undefined: there is none of that name, or it could not be read, which is told. */
	vlanOf(network: string): Promise<number | undefined>;
	/** An account for another service, an administrator; false when it could not be made, which is told. */
	openAccount(name: string): Promise<boolean>;
	/** Projects for another service, without members; what cannot be made is told. */
	openProjects(names: readonly string[]): Promise<void>;
	close(): Promise<void>;
}

/** hil's account at the proxy. */
type Account = Awaited<ReturnType<typeof openServiceAccount>>;

/** Before the proxy reads its operators. hil manages nodes for the hosting site: as an operator of its party. */
export const openHilAccount = (folder: string): Promise<Account> =>
	openServiceAccount(folder, { name: 'hil', party: 'HSO' });

/** In the addresses of nodes; where it is reached, hil.yaml says at each start. */
const proxyName = 'https://proxy.localhost';

/**
 * Starts hil on embedded defaults: its file written anew, the rack's servers recorded that were not yet, and what the
 * switch, which is one in memory, has forgotten put on its ports again.
 */
export async function startDemoHil(options: {
	readonly site: DemoSite;
	readonly account: Account;
	/** hil's own address. */
	readonly listen: { readonly host: string; readonly port: number };
	readonly proxyUrl: string;
	readonly servers: readonly string[];
	/** One in memory when absent. */
	readonly rackSwitch: SwitchOfRack | undefined;
	readonly clock: Clock;
	readonly logger: Logger;
}): Promise<DemoHil> {
	const { logger, site } = options;
	const { folder } = site;
	const admin = { name: 'admin', project: null, password: await openSecret(folder, 'hil-admin') };
	const members = demoProjects.map(async project => {
		const name = `${project}-user`;
		return { name, project, password: await openSecret(folder, `hil-${name}`) };
	});
	const users = [admin, ...(await Promise.all(members))];
	await openSecret(folder, 'hil-switch');
	const file = await writeHilFile(options);
	const hil = await openHil(readHilSite(file), { logger });
	try {
		const url = reachable(hil.url);
		await registerServers(options, url, admin);
		const ca = site.authority.certificatePem;
		/** Undefined when hil refuses, or does not answer: that is told. */
		const asAdmin = async <R>(
			failed: string,
			work: (client: HilClient) => Promise<R>,
		): Promise<R | undefined> => {
			const { name: username, password } = admin;
			const client = createHilClient({ url, ca, username, password, clock: options.clock });
			try {
				return await work(client);
			} catch (fault) {
				if (!(fault instanceof BimetalError)) throw fault;
				logger.warn({ err: fault }, failed);
				return undefined;
			} finally {
				await client.close();
			}
		};
		return {
			...{ url, ops: hil.ops, users },
			vlanOf: network =>
				asAdmin('the VLAN of a network could not be read', async client => {
					const id = (await client.networks())[network]?.network_id;
					return id === undefined ? undefined : Number(id);
				}),
			openAccount: async name =>
				(await asAdmin('a service has no account at hil', client => openAccount(site, client, name))) ??
				false,
			openProjects: names =>
				asAdmin('a service’s projects could not be made at hil', async ({ administration }) => {
					const known = await administration.projects();
					for (const name of names) if (!known.includes(name)) await administration.createProject(name);
				}),
			close: () => hil.close(),
		};
	} catch (fault) {
		await hil.close();
		throw fault;
	}
}

/** What cannot be registered is told, and ends nothing: people may have changed more than a start can know. */
async function registerServers(
	{ site, account, proxyUrl, servers, rackSwitch, clock, logger }: Parameters<typeof startDemoHil>[0],
	url: string,
	admin: { readonly name: string; readonly password: string },
): Promise<void> {
	const ca = site.authority.certificatePem;
	const client = createHilClient({ url, ca, username: admin.name, password: admin.password, clock });
	const credential = { username: account.username, password: account.password };
	const proxy = createProxyClient({ url: proxyUrl, ca, credential, clock });
	try {
		const file = await completeRackFile({
			folder: site.folder,
			servers,
			rackSwitch,
			management: name => `${proxyName}/bmc/${name}`,
			describe: name =>
				describeServer(proxy, name).catch(fault => {
					logger.warn({ err: fault, server: name }, 'a server could not be described: it is not registered');
					return undefined;
				}),
		});
		const { steps, conflicts } = await planRack(client, readRackFile(file));
		for (const step of steps) await step.take();
		if (conflicts.length > 0) logger.warn({ conflicts, file }, 'hil has it otherwise than the file');
		const { administration: hil } = client;
		if ((await hil.switches()).includes(demoSwitch)) await hil.drift(demoSwitch, true);
	} catch (fault) {
		if (!(fault instanceof BimetalError) || fault.code === 'ConfigInvalid') throw fault;
		logger.warn({ err: fault }, 'hil runs, but not all of rack.yaml is registered');
	} finally {
		await Promise.all([client.close(), proxy.close()]);
	}
}

/** Its password is a file of its own; one that was lost is another one now. */
async function openAccount(
	{ folder }: DemoSite,
	{ administration: hil }: HilClient,
	name: string,
): Promise<boolean> {
	const isKept = existsSync(secretPath(folder, `hil-${name}`));
	const password = await openSecret(folder, `hil-${name}`);
	const isKnown = Object.hasOwn(await hil.users(), name);
	if (isKnown && isKept) return true;
	if (isKnown) await hil.deleteUser(name);
	await hil.createUser(name, password, true);
	return true;
}

async function writeHilFile({
	site,
	account,
	listen,
	proxyUrl,
	clock,
}: Parameters<typeof startDemoHil>[0]): Promise<string> {
	const { folder } = site;
	const tls = await openServiceCertificate(site, 'hil', clock);
	const path = join(folder, 'hil.yaml');
	const content = {
		store: { engine: 'sqlite', file: 'hil.sqlite' },
		listen,
		tls,
		admin: { username: 'admin', password: 'secrets/hil-admin' },
		vlans: '100-299',
		obm: [
			{
				proxy: proxyName,
				at: proxyUrl,
				ca: 'ca/site.crt.pem',
				username: account.username,
				password: account.passwordFile,
			},
		],
		log: { level: 'warn' },
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal hil -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	return path;
}
