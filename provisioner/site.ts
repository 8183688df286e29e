import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import {
	listenAddress,
	logSettings,
	opsAddress,
	refuseInTheClear,
	serviceAccount,
	tlsFiles,
} from '../common/config/service-values.ts';
import { duration, existingFile, secretFile } from '../common/config/values.ts';
import { planNetwork } from './boot/network-plan.ts';

/** A pool of Ceph's, or a user. */
const cephName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, 'expected a name of Ceph');

/** One provisioning network: where nodes get their addresses, boot scripts and disks. */
const bootNetwork = z
	.strictObject({
		/** hil's name of it. */
		network: z.string().min(1).max(128),
		/** The device of this machine that is on its VLAN. */
		interface: z
			.string()
			.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/, 'expected the name of a network device'),
		/** The provisioner's own address there, with the length of the network's prefix. */
		address: z.string(),
		/** What nodes are given: `10.64.0.10-10.64.0.250`. */
		range: z.string().optional(),
		/** `address:port` of each iSCSI portal. */
		portals: z.array(z.string()).min(1).max(8).optional(),
	})
	.superRefine((settings, context) => {
		try {
			planNetwork(settings);
		} catch (fault) {
			context.addIssue({ code: 'custom', message: (fault as Error).message });
		}
	});

/** `provisioner.yaml`: everything that the provisioner is told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	const path = z.string().transform(text => resolve(folder, text));
	return z
		.strictObject({
			store: z.strictObject({ engine: z.enum(['sqlite', 'lowdb']).default('sqlite'), file: path }),
			listen: listenAddress,
			/** Health and metrics; keep it on loopback or a management network. */
			ops: opsAddress,
			/** Without it, the provisioner listens on loopback only: passwords come with every call. */
			tls: tlsFiles(folder).optional(),
			/** Who knows users, projects and nodes, and the provisioner's account there: an administrator, for it manages nodes. */
			hil: serviceAccount(folder),
			/** What names of targets and initiators begin with: RFC 7143 section 4.2.7.3.1, a month and a domain of the site's. */
			iqnPrefix: z
				.string()
				.regex(/^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9.-]{1,100}:$/, 'expected iqn.YYYY-MM.DOMAIN-BACKWARDS:')
				.default('iqn.2026-11.localhost:'),
			/** The key that nodes' secrets are sealed by; made when it is not there, beside the store when absent. */
			key: path.optional(),
			/** Where images and disks are kept. */
			storage: z
				.strictObject({
					/** In qcow2 files here. */
					folder: path.optional(),
					/** In a pool of the site's Ceph, which is this provisioner's alone. */
					rbd: z
						.strictObject({
							configuration: existingFile(folder).prefault('/etc/ceph/ceph.conf'),
							pool: cephName,
							/** Who we are to Ceph: `client.USER`. */
							user: cephName,
							/** With his key; where Ceph looks for it when absent. */
							keyring: secretFile(folder).optional(),
						})
						.optional(),
					/** How often what no record knows is removed. */
					collect: z.union([z.literal('off').transform(() => null), duration]).default(null),
				})
				.refine(
					storage => (storage.folder === undefined) !== (storage.rbd === undefined),
					'give either folder, for qcow2 files, or rbd, for a pool of a Ceph',
				),
			/** What comes from outside to become an image. */
			import: z
				.strictObject({
					/** Bytes that a file may have. */
					largest: z
						.int()
						.min(1)
						.default(256 * 2 ** 30),
					/** Hosts of the site's own networks that images may be fetched from: `mirror.lab`, `10.0.0.7:8080`. */
					allowHosts: z.array(z.string().min(1)).default([]),
					/** PEM of what is trusted of them instead of the system's CAs. */
					ca: existingFile(folder).optional(),
				})
				.prefault({}),
			/** Networks that nodes boot on; the first is used where none is named. */
			networks: z
				.array(bootNetwork)
				.default([])
				.refine(
					networks => new Set(networks.map(({ network }) => network)).size === networks.length,
					'two of them are the same network of hil',
				),
			/** What is kept for them: authorities, configurations; beside the store when absent. */
			boot: path.optional(),
			log: logSettings,
		})
		.transform(site => ({
			...site,
			key: site.key ?? `${site.store.file}.key`,
			boot: site.boot ?? `${site.store.file}.boot`,
			/** What the storage needs on this machine: all of it, or what comes in and goes out. */
			storageFolder: site.storage.folder ?? `${site.store.file}.storage`,
		}))
		.superRefine(refuseInTheClear);
};

export type ProvisionerSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `provisioner.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readProvisionerSite = (file: string): ProvisionerSite =>
	readConfig<ProvisionerSite>({ file: resolve(file), schema: siteSchema });
