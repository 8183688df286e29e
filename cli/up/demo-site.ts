import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { keepIdentity, loadIdentity, openServerCertificate } from '../../common/identity/authority-store.ts';
import { type Identity, issueOperatorCertificate } from '../../common/identity/site-ca.ts';
import { writeFileDurably } from '../../common/store/durable-file.ts';
import { type DemoOperator, demoParties, openPeople, openSecret } from './demo-people.ts';

/** What is generated at the first start and found again at every later one. */
export interface DemoSite {
	readonly folder: string;
	readonly authority: Identity;
	/** Path of the site authority's certificate, for clients. */
	readonly caFile: string;
	readonly proxy: Identity;
	readonly operators: readonly DemoOperator[];
	readonly pdu: { readonly identity: Identity; readonly password: string };
	/** Passwords of the MQTT clients. */
	readonly events: Readonly<Record<'proxy' | 'pdu' | 'attest' | 'market', string>>;
}

/**
 * Opens the state folder of `bimetal up`, making what is not there yet: authorities, certificates, passwords
 * (generated, never fixed) and the accounts. A password that is a file of its own survives the next start.
 */
export async function openDemoSite(
	folder: string,
	names: readonly string[],
	clock: Clock,
): Promise<DemoSite> {
	const { authority, caFile, operators } = await openPeople(folder, clock);
	const certificate = (name: string, hosts: readonly string[]): Promise<Identity> =>
		openCertificate({ folder, authority }, name, hosts, clock);
	const secret = (name: string): Promise<string> => openSecret(folder, name);
	const [proxy, pdu] = await Promise.all([
		certificate('proxy', ['localhost', ...names.map(name => `${name}.localhost`)]),
		certificate('pdu', ['pdu.localhost']),
	]);
	await openClientCertificate(join(folder, 'certificates'), authority, clock);
	// With its authority, so that a client that trusts on first use can keep that and survives a renewal.
	await writeFileDurably(
		join(folder, 'certificates', 'proxy.chain.pem'),
		proxy.certificatePem + authority.certificatePem,
		0o644,
	);
	return {
		folder,
		authority,
		caFile,
		proxy,
		operators,
		pdu: { identity: pdu, password: await secret('pdu') },
		events: {
			proxy: await secret('events-proxy'),
			pdu: await secret('events-pdu'),
			attest: await secret('events-attest'),
			market: await secret('events-market'),
		},
	};
}

/** The certificate of an emulated BMC, and the password of its account. */
export async function openBmcIdentity(
	site: DemoSite,
	name: string,
	clock: Clock,
): Promise<{ readonly identity: Identity; readonly password: string }> {
	return {
		identity: await openCertificate(site, name, [`bmc.${name}.localhost`], clock),
		password: await openSecret(site.folder, `bmc-${name}`),
	};
}

/**
 * A service's certificate, as its configuration names it.
 * @param addresses beside those of loopback
 */
export async function openServiceCertificate(
	{ folder, authority }: Pick<DemoSite, 'folder' | 'authority'>,
	name: string,
	clock: Clock,
	addresses: readonly string[] = [],
): Promise<{ readonly certificate: string; readonly key: string }> {
	const { certificatePem } = await openServerCertificate({
		folder: join(folder, 'certificates'),
		name,
		authority,
		names: ['localhost', `${name}.localhost`],
		addresses: ['127.0.0.1', '::1', ...addresses],
		clock,
	});
	// With its authority, as the proxy's: for clients that trust on first use.
	const chain = join('certificates', `${name}.chain.pem`);
	await writeFileDurably(join(folder, chain), certificatePem + authority.certificatePem, 0o644);
	return { certificate: chain, key: join('certificates', `${name}.key.pem`) };
}

const openCertificate = (
	{ folder, authority }: Pick<DemoSite, 'folder' | 'authority'>,
	name: string,
	hosts: readonly string[],
	clock: Clock,
): Promise<Identity> =>
	openServerCertificate({
		folder: join(folder, 'certificates'),
		name,
		authority,
		names: hosts,
		addresses: ['127.0.0.1', '::1'],
		clock,
	});

/** What the proxy shows the BMCs: TLS is authenticated both ways. */
async function openClientCertificate(folder: string, authority: Identity, clock: Clock): Promise<void> {
	const place = { folder, name: 'proxy-client' };
	if (await loadIdentity(place)) return;
	const operator = { name: 'proxy', party: 'site' };
	await keepIdentity(place, await issueOperatorCertificate({ partyAuthority: authority, operator, clock }));
}

export interface DemoAddresses {
	readonly main: { readonly host: string; readonly port: number };
	readonly ops: { readonly host: string; readonly port: number };
	/** Port for each BMC's plain `/redfish/v1`; 0 takes a free one. */
	readonly bmcPorts: Readonly<Record<string, number>>;
	/** Where the BMCs themselves listen. */
	readonly bmcUrls: Readonly<Record<string, string>>;
	/** What the site file says of how the proxy gets into each. */
	readonly bmcAccess: (bmc: string) => Readonly<Record<string, unknown>>;
	readonly events: string;
	/** As in the site file, where they are not the usual ones. */
	readonly limits: Readonly<Record<string, unknown>> | undefined;
	/** As in the site file. */
	readonly processes: number | 'auto';
}

/** The same site file that a real site has, for the proxy to read; written anew at each start. */
export async function writeSiteFile(
	site: DemoSite,
	policies: string | { readonly folder: string; readonly signed: 'required' },
	addresses: DemoAddresses,
): Promise<string> {
	const path = join(site.folder, 'site.yaml');
	const { main, ops, bmcPorts, bmcUrls, bmcAccess, events, processes } = addresses;
	const names = Object.keys(bmcUrls);
	const content = {
		site: 'demo',
		store: { engine: 'sqlite', file: 'proxy.sqlite' },
		audit: { folder: 'audit' },
		listen: main,
		ops,
		processes,
		tls: {
			certificate: 'certificates/proxy.chain.pem',
			key: 'certificates/proxy.key.pem',
			client: { certificate: 'certificates/proxy-client.crt.pem', key: 'certificates/proxy-client.key.pem' },
		},
		parties: Object.fromEntries(
			Object.entries(demoParties).map(([name, description]) => [
				name,
				{ description, root: `parties/${name}.crt.pem` },
			]),
		),
		operators: 'operators.yaml',
		policies,
		bmcs: Object.fromEntries(
			names.map(name => [
				name,
				{
					url: bmcUrls[name],
					rack: 'rack1',
					...bmcAccess(name),
					listen: { host: main.host, port: bmcPorts[name] ?? 0 },
					host: `${name}.localhost`,
				},
			]),
		),
		external: {
			Servers: {
				from: 'redfish',
				path: '/redfish/v1/Systems/system',
				fields: {
					Name: { target: true },
					State: { path: '$.PowerState', values: { On: 'Up' }, otherwise: 'Down' },
				},
				whenUnreachable: { State: 'Down' },
				maxAge: '5s',
				timeout: '2s',
			},
			PDU: {
				from: 'mqtt',
				topic: 'bimetal/pdu/outlets/+',
				under: 'Outlets',
				fields: { Id: '$.Id', Power: { path: '$.PowerWatts', type: 'number', unit: 'W' } },
				expect: names.length,
				reservations: {
					field: 'Power',
					row: 'Id',
					rowOf: Object.fromEntries(names.map((name, i) => [name, String(i + 1)])),
					operations: [
						{
							operation: ['Power on, off, reboot $system', 'Power cycle a $chassis'],
							when: 'not (Request.Body.ResetType in ["ForceOff", "GracefulShutdown"])',
							// What a server draws at most while it starts; the sensors show it seconds later.
							draw: 130,
							atMost: '20s',
						},
					],
				},
				maxAge: '5s',
				timeout: '3s',
			},
		},
		events: { url: events, username: 'proxy', password: 'secrets/events-proxy' },
		...(addresses.limits && { limits: addresses.limits }),
	};
	const head = `# Written by 'bimetal up' at each start. For a site of your own, copy it and run 'bimetal proxy -c FILE'.\n`;
	await writeFileDurably(path, head + stringify(content), 0o600);
	return path;
}

/** Of hil; without a project, an administrator. */
const hilUser = z.strictObject({ name: z.string(), project: z.string().nullable(), password: z.string() });
export type DemoHilUser = z.infer<typeof hilUser>;

/** The line that `bimetal up --json` prints. */
export const upLine = z.strictObject({
	proxy: z.strictObject({ url: z.string(), ops: z.string() }),
	services: z.record(z.string(), z.string()),
	bmcs: z.array(
		z.strictObject({ name: z.string(), url: z.string(), prefixUrl: z.string(), direct: z.string() }),
	),
	pdu: z.strictObject({ url: z.string() }),
	operators: z.array(z.strictObject({ name: z.string(), party: z.string(), password: z.string() })),
	/** Absent where there is nothing to allocate. */
	hil: z.strictObject({ url: z.string(), ops: z.string(), users: z.array(hilUser) }).optional(),
	/** Absent where hil is; `missing`: Debian packages without which it keeps no images and disks; `boots`: servers boot from its disks. */
	provisioner: z
		.strictObject({
			url: z.string(),
			ops: z.string(),
			missing: z.array(z.string()),
			missingForBoot: z.array(z.string()),
			boots: z.boolean(),
		})
		.optional(),
	/** Absent where hil is; `forNodes`: where servers reach it, if they have TPMs and boot from the provisioner. */
	attest: z.strictObject({ url: z.string(), ops: z.string(), forNodes: z.string().optional() }).optional(),
	/** Absent where hil is. */
	market: z.strictObject({ url: z.string(), ops: z.string() }).optional(),
	ca: z.string(),
	state: z.string(),
});
export type UpLine = z.infer<typeof upLine>;
