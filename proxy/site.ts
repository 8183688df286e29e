import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import { listenAddress, logSettings, opsAddress } from '../common/config/service-values.ts';
import { byteSize, duration, existingFile, secretFile } from '../common/config/values.ts';
import { isLoopback } from '../common/network/loopback.ts';
import { requestState } from './api/schemas.ts';
import { consoleSettings } from './console/settings.ts';
import { eventService } from './events/site-file.ts';
import { externalSource } from './external/external-source.ts';
import { consoleEvents } from './notify/webhooks.ts';

const name = z
	.string()
	.regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/, 'expected a name of letters, digits and hyphens');

const approvals = {
	expireAfter: 15 * 60_000,
	executeWithin: 5 * 60_000,
	signed: 'optional' as const,
	maxPerOperator: 1000,
};
const limits = {
	bmcTimeout: 10_000,
	answer: 16 * 1024 * 1024,
	bmcConnections: 16,
	upload: 64 * 1024 * 1024,
	uploads: 512 * 1024 * 1024,
	diskFree: 128 * 1024 * 1024,
	uploadTime: 10 * 60_000,
	bmcQueue: 500,
	perOperator: { rate: 500, burst: 1000, concurrent: 500 },
	perParty: { rate: 1000, burst: 2000, concurrent: 1000 },
	connections: 4000,
	connectionsPerAddress: 1000,
	unread: 128 * 1024 * 1024,
};
const allowance = z.union([
	z.literal('none').transform(() => undefined),
	z.strictObject({
		/** Requests a second, over a long time. */
		rate: z.number().positive(),
		/** Requests at once after a pause. */
		burst: z.int().min(1),
		/** Requests under way at once. */
		concurrent: z.int().min(1),
	}),
]);
const isSafeUrl = (text: string): boolean => {
	if (!URL.canParse(text)) return false;
	const { protocol, hostname, username } = new URL(text);
	return username === '' && (protocol === 'https:' || isLoopback(hostname));
};
const unsigned = { signed: 'no' as const, changesExpireAfter: 24 * 3_600_000 };

/** `site.yaml`: everything the proxy is told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) =>
	z.strictObject({
		/** The site's name, in messages and audit. */
		site: z.string().min(1).max(100),
		store: z.strictObject({
			engine: z.enum(['sqlite', 'lowdb']).default('sqlite'),
			file: z.string().transform(path => resolve(folder, path)),
		}),
		audit: z
			.strictObject({
				folder: z.string().transform(path => resolve(folder, path)),
				/** The key that signs checkpoints, made when it is not there; beside the folder when absent. */
				key: z
					.string()
					.transform(path => resolve(folder, path))
					.optional(),
			})
			.transform(audit => ({ ...audit, key: audit.key ?? `${audit.folder}.key` })),
		/** The main port: `/p2c/v1`, and every BMC by host name or under `/bmc/<name>`. */
		listen: listenAddress,
		/** Health and metrics; keep it on loopback or a management network. */
		ops: opsAddress,
		tls: z.strictObject({
			/** Shown to clients: the proxy's certificate, then its authorities up to the one that clients trust. */
			certificate: existingFile(folder),
			key: secretFile(folder),
			/** Shown to BMCs that ask for a client certificate. */
			client: z.strictObject({ certificate: existingFile(folder), key: secretFile(folder) }).optional(),
		}),
		parties: z
			.record(
				z
					.string()
					.regex(
						/^(?!(?:OR|AND|OF|CLOSED)$)[A-Z][A-Z0-9]{0,15}$/,
						'expected a party name in capitals, for instance HSO',
					),
				z.strictObject({
					description: z.string().default(''),
					/** The party's root certificate, when its operators log in with certificates. */
					root: existingFile(folder).optional(),
					/** The public key (PEM) to which its shares of backups are encrypted; an RSA root's when absent. */
					recovery: existingFile(folder).optional(),
				}),
			)
			.refine(parties => Object.keys(parties).length >= 2, 'expected two parties or more'),
		/** File of operator accounts, see authenticate/roster.ts. */
		operators: existingFile(folder),
		/** Folder with operations.yaml and a folder for each party; alone, or with what is asked of it. */
		policies: z
			.union([
				z.string().transform(path => ({ ...unsigned, folder: path })),
				z.strictObject({
					folder: z.string(),
					/** `required`: nothing is taken that the parties of agreement.yaml have not signed. */
					signed: z.enum(['required', 'no']).default('no'),
					/** How long a change of the table or the agreement waits for the other parties. */
					changesExpireAfter: duration.default(unsigned.changesExpireAfter),
				}),
			])
			.transform(policies => ({
				...policies,
				folder: resolve(folder, policies.folder),
				/** Files that the agreement pins are beside the site file. */
				siteFolder: folder,
			})),
		bmcs: z
			.record(
				name,
				z.strictObject({
					/** Origin of the BMC, for instance https://10.0.0.11. */
					url: z.url({ protocol: /^https?$/ }),
					rack: name.default('rack1'),
					/** Authority of the BMC's certificate. */
					ca: existingFile(folder).optional(),
					/** SHA-256 of the BMC's certificate, hex: pinned. */
					fingerprint: z
						.string()
						.regex(/^[0-9a-f]{64}$/)
						.optional(),
					/** The BMC's account, which the proxy alone knows. */
					username: z.string().min(1).default('root'),
					password: secretFile(folder),
					/** What `bimetal bmc enrol` recorded; with it, the proxy keeps looking whether other doors stay shut. */
					enrolment: secretFile(folder).optional(),
					/** A port of its own, on which `/redfish/v1` is this BMC's. */
					listen: listenAddress.optional(),
					/** A host name of its own on the main port. */
					host: z
						.string()
						.regex(/^[a-z0-9][a-z0-9.-]*$/, 'expected a host name')
						.optional(),
				}),
			)
			.refine(bmcs => Object.keys(bmcs).length >= 1, 'expected one BMC or more'),
		external: z
			.record(z.string().regex(/^[A-Z][A-Za-z0-9]*$/, 'expected a name like Servers'), externalSource(folder))
			.default({}),
		/** The MQTT broker; without it no events are published and no `from: mqtt` source can be read. */
		events: z
			.strictObject({
				url: z.string(),
				username: z.string(),
				password: secretFile(folder),
				ca: existingFile(folder).optional(),
			})
			.optional(),
		/** Who is told over HTTP when requests change their state. */
		notify: z
			.array(
				z.strictObject({
					url: z.url({ protocol: /^https?$/ }).refine(isSafeUrl, 'expected https, or http to this machine'),
					events: z
						.array(z.enum([...requestState.options, ...consoleEvents]))
						.min(1)
						.optional(),
					/** File with the secret that is shared with the receiver: the key of each notification's HMAC. */
					secret: secretFile(folder),
					/** Authority of the receiver's certificate. */
					ca: existingFile(folder).optional(),
				}),
			)
			.default([]),
		eventService: eventService(folder),
		approvals: z
			.strictObject({
				/** How long a request waits for its approvals. */
				expireAfter: duration.default(approvals.expireAfter),
				/** Within what time of its last approval it must be being executed: facts and lanes can be slow. */
				executeWithin: duration.default(approvals.executeWithin),
				/** How long an approval counts while others are missing; absent: as long as the request waits. */
				approvalValidFor: duration.optional(),
				/** `required`: nobody decides on requests without a signature. Who has a key signs in any case. */
				signed: z.enum(['required', 'optional']).default(approvals.signed),
				maxPerOperator: z.int().min(1).max(100_000).default(approvals.maxPerOperator),
			})
			.default(approvals),
		/** Serial consoles, KVM and virtual media: see docs/consoles.md. */
		consoles: consoleSettings,
		/** How often to look whether the doors that enrolling shut stay shut, a tenth more or less. */
		doors: z
			.strictObject({
				every: duration.refine(ms => ms >= 5000, 'expected 5s or more').default(5 * 60_000),
			})
			.default({ every: 5 * 60_000 }),
		/** How many parties' shares restore a backup; all parties' when absent. */
		recovery: z.strictObject({ threshold: z.int().min(2).max(255) }).optional(),
		sessions: z
			.strictObject({
				idleTimeout: duration.default(30 * 60_000),
				lifetime: duration.default(24 * 3_600_000),
				/** What a token is good for besides: the address (and client certificate, where one was shown) of its log-in. */
				boundTo: z.enum(['address', 'certificate', 'none']).default('address'),
			})
			.default({ idleTimeout: 30 * 60_000, lifetime: 24 * 3_600_000, boundTo: 'address' }),
		limits: z
			.strictObject({
				/** Longest wait for a BMC. */
				bmcTimeout: duration.default(limits.bmcTimeout),
				/** Largest answer that is kept in memory to be filtered. */
				answer: byteSize.default(limits.answer),
				/** Connections to one BMC. */
				bmcConnections: z.int().min(1).max(150).default(limits.bmcConnections),
				/** Requests of one party that may wait for a connection to one BMC. */
				bmcQueue: z.int().min(1).max(100_000).default(limits.bmcQueue),
				/** What one operator may use, and all operators of one party together; `none`: no limit. */
				perOperator: allowance.prefault(limits.perOperator),
				perParty: allowance.prefault(limits.perParty),
				/** Connections of clients to one listener, and of them from one address (an IPv6 one counts as its /64). */
				connections: z.int().min(1).max(100_000).default(limits.connections),
				connectionsPerAddress: z.int().min(1).max(100_000).default(limits.connectionsPerAddress),
				/** Answers that the clients of one party may leave unread in memory. */
				unread: byteSize.default(limits.unread),
				/** Largest image that can be uploaded. bmcweb takes 30 MiB unless it was built otherwise. */
				upload: byteSize.default(limits.upload),
				/** All images that are on their way or wait for approvals, together. */
				uploads: byteSize.default(limits.uploads),
				/** What an image leaves free of the disk in any case. */
				diskFree: byteSize.default(limits.diskFree),
				/** Within what time an image must have arrived; 30 s without a byte end it sooner. */
				uploadTime: duration.default(limits.uploadTime),
			})
			.default(limits),
		/** Processes that serve clients: 1 is the proxy alone, more are workers beside it; `auto`: one for each core. */
		processes: z.union([z.literal('auto'), z.int().min(1).max(64)]).default(1),
		/** Identical reads that come while one is under way share the next exchange with the BMC. */
		coalesce: z.boolean().default(true),
		log: logSettings,
	});

const checkedSite = (folder: string) =>
	siteSchema(folder).superRefine(({ processes, limits: { bmcConnections } }, context) => {
		if (processes === 'auto' || processes === 1 || processes < bmcConnections) return;
		context.addIssue({
			code: 'custom',
			path: ['processes'],
			message: `each of them, and their home, needs a connection to each BMC: expected less than limits.bmcConnections, which is ${bmcConnections}`,
		});
	});

export type Site = z.output<ReturnType<typeof siteSchema>> & {
	/** Where the site file stands. */
	readonly folder: string;
};

/** How many processes the site is to be served by. */
export const processesOf = ({ processes, limits }: Pick<Site, 'processes' | 'limits'>): number =>
	processes === 'auto' ? Math.max(1, Math.min(availableParallelism(), limits.bmcConnections - 1)) : processes;

/** Reads and checks `site.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export function readSite(file: string): Site {
	const path = resolve(file);
	const site = readConfig({
		file: path,
		schema: checkedSite as (folder: string) => z.ZodType<Omit<Site, 'folder'>>,
	});
	return Object.freeze({ ...site, folder: dirname(path) });
}
