import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import { existingFile, secretFile } from '../common/config/values.ts';
import { storeSite } from '../common/store/store-site.ts';

const port = z.int().min(0).max(65535);
const listenAddress = z.strictObject({ host: z.string().default('127.0.0.1'), port });
const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);

/** Where hil is: passwords go there, so another machine's only over TLS. */
const hilUrl = z
	.url({ protocol: /^https?$/ })
	.refine(
		text => new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
		'passwords would cross the network: give https, or an address of loopback',
	);

/** `market.yaml`: everything that the market is told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	return z
		.strictObject({
			store: storeSite(folder),
			listen: listenAddress,
			/** Health and metrics; keep it on loopback or a management network. */
			ops: listenAddress.default({ host: '127.0.0.1', port: 0 }),
			/** Without it, the market listens on loopback only: passwords come with every call. */
			tls: z.strictObject({ certificate: existingFile(folder), key: secretFile(folder) }).optional(),
			/** Who knows users, projects and nodes, and the market's account there: an administrator, for it hands nodes over. */
			hil: z.strictObject({
				url: hilUrl,
				ca: existingFile(folder).optional(),
				username: z.string().min(1),
				password: secretFile(folder),
				/** The airlock's project (attest.yaml), if there is one; without `attest`, one that is not the pool of what leaves projects. */
				airlock: z.string().min(1).optional(),
			}),
			/** The provisioner, which saves the disks of nodes that go back, and has leased ones boot from images: with hil's account. */
			provisioner: z.strictObject({ url: hilUrl, ca: existingFile(folder).optional() }).optional(),
			/** The service that attests servers before they are handed over, and the market's account there: an administrator. */
			attest: z
				.strictObject({
					url: hilUrl,
					ca: existingFile(folder).optional(),
					username: z.string().min(1),
					password: secretFile(folder),
				})
				.optional(),
			/** Seconds after a lease's start until which its servers can come; then it has failed. */
			deliverWithin: z.int().min(1).max(86_400).default(900),
			/** Seconds between two rounds in which bids are cleared together; without it each is matched as it comes. */
			rounds: z.int().min(1).max(86_400).optional(),
			/** The broker that events are published to. */
			events: z
				.strictObject({
					url: z.url({ protocol: /^mqtts?$/ }),
					ca: existingFile(folder).optional(),
					username: z.string().min(1),
					password: secretFile(folder),
				})
				.optional(),
			log: z
				.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
				.default({ level: 'info' }),
		})
		.superRefine(({ listen: { host }, tls, hil, attest }, context) => {
			if (attest && hil.airlock === undefined)
				context.addIssue({
					code: 'custom',
					path: ['attest'],
					message:
						"name the airlock's project in hil.airlock, as attest.yaml has it: servers that are in it are nobody else's",
				});
			if (tls || isLoopback(host)) return;
			const message =
				'other machines reach this address: passwords would cross the network. Give tls as well';
			context.addIssue({ code: 'custom', path: ['listen', 'host'], message });
		});
};

export type MarketSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `market.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readMarketSite = (file: string): MarketSite =>
	readConfig<MarketSite>({ file: resolve(file), schema: siteSchema });
