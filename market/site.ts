import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import {
	brokerAccount,
	listenAddress,
	logSettings,
	opsAddress,
	refuseInTheClear,
	serviceAccount,
	serviceUrl,
	tlsFiles,
} from '../common/config/service-values.ts';
import { existingFile } from '../common/config/values.ts';
import { storeSite } from '../common/store/store-site.ts';

/** `market.yaml`: everything that the market is told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	return z
		.strictObject({
			store: storeSite(folder),
			listen: listenAddress,
			/** Health and metrics; keep it on loopback or a management network. */
			ops: opsAddress,
			/** Without it, the market listens on loopback only: passwords come with every call. */
			tls: tlsFiles(folder).optional(),
			/** Who knows users, projects and nodes, and the market's account there: an administrator, for it hands nodes over. */
			hil: serviceAccount(folder).extend({
				/** The airlock's project (attest.yaml), if there is one; without `attest`, one that is not the pool of what leaves projects. */
				airlock: z.string().min(1).optional(),
			}),
			/** The provisioner, which saves the disks of nodes that go back, and has leased ones boot from images: with hil's account. */
			provisioner: z.strictObject({ url: serviceUrl, ca: existingFile(folder).optional() }).optional(),
			/** The service that attests servers before they are handed over, and the market's account there: an administrator. */
			attest: serviceAccount(folder).optional(),
			/** Seconds after a lease's start until which its servers can come; then it has failed. */
			deliverWithin: z.int().min(1).max(86_400).default(900),
			/** Seconds between two rounds in which bids are cleared together; without it each is matched as it comes. */
			rounds: z.int().min(1).max(86_400).optional(),
			/** The broker that events are published to. */
			events: brokerAccount(folder).optional(),
			log: logSettings,
		})
		.superRefine(({ hil, attest }, context) => {
			if (attest && hil.airlock === undefined)
				context.addIssue({
					code: 'custom',
					path: ['attest'],
					message:
						"name the airlock's project in hil.airlock, as attest.yaml has it: servers that are in it are nobody else's",
				});
		})
		.superRefine(refuseInTheClear);
};

export type MarketSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `market.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readMarketSite = (file: string): MarketSite =>
	readConfig<MarketSite>({ file: resolve(file), schema: siteSchema });
