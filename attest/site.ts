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
import { duration, existingFile } from '../common/config/values.ts';
import { storeSite } from '../common/store/store-site.ts';

/** The airlock, by the names that hil has for its project and network, and for the project of those who were refused. */
const airlockSchema = (folder: string) =>
	z.strictObject({
		hil: serviceAccount(folder),
		project: z.string().min(1),
		/** One that nodes share, or several, each for one node at a time. */
		network: z.union([
			z
				.string()
				.min(1)
				.transform(one => [one]),
			z.array(z.string().min(1)).min(2),
		]),
		/** The NIC that is put on it; the first that is to be on a network of the tenant's, or the first there is. */
		nic: z.string().min(1).optional(),
		rejected: z.string().min(1),
		/** How a node comes to run the airlock's system: an image of the provisioner's, its own firmware, or people's hands. */
		boot: z.union([
			z.literal('by hand'),
			z.strictObject({ device: z.enum(['pxe', 'disk', 'none']) }),
			z.strictObject({ provisioner: serviceAccount(folder), image: z.string().min(1) }),
		]),
	});

/** `attest.yaml`: everything that the registrar and the verifier are told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	const path = z.string().transform(text => resolve(folder, text));
	const file = existingFile(folder);
	return z
		.strictObject({
			store: storeSite(folder),
			listen: listenAddress,
			/** Health and metrics; keep it on loopback or a management network. */
			ops: opsAddress,
			/** Without it, loopback only: passwords come with calls, and nodes must know whom they talk to. */
			tls: tlsFiles(folder).optional(),
			/** Who knows the users: hil, or a file of one's own for who does not trust it. */
			users: z.union([
				z.strictObject({ hil: z.strictObject({ url: serviceUrl, ca: file.optional() }) }),
				z.strictObject({ accounts: file }),
			]),
			/** PEM: whose certificates of endorsement keys count, and authorities between them and the keys. */
			registrar: z
				.strictObject({ roots: z.array(file).min(1), intermediates: z.array(file).default([]) })
				.optional(),
			verifier: z
				.strictObject({
					/** Whose word counts on nodes' keys, and the account there; this process's own registrar when absent. */
					registrar: serviceAccount(folder).optional(),
					/** Who knows whose a node is, and an account there that may see it; needed where users are hil's. */
					hil: serviceAccount(folder).optional(),
					/** The broker that revocations are published to. */
					events: brokerAccount(folder).optional(),
					/** Where revocations may be pushed: hosts, `host:port`, or networks as `10.64.0.0/16`. */
					push: z.array(z.string().min(1)).default([]),
					/** For how long the evidence of an admission is kept after its end. */
					keepEvidence: duration.default(90 * 24 * 3_600_000),
				})
				.optional(),
			/** Nodes are brought through the airlock into projects, by hil, and cut off when they are attested no longer. */
			airlock: airlockSchema(folder).optional(),
			/**
			 * Keys that the verifier signs evidence and makes nonces with; made when they are not there, beside the store's file when
			 * absent. Of several processes with one database all have the same.
			 */
			key: path.optional(),
			log: logSettings,
		})
		.transform((site, context) => {
			const { key, store } = site;
			if (key !== undefined) return { ...site, key };
			if (store.engine !== 'postgres') return { ...site, key: `${store.file}.key` };
			const message = 'say in which file the key is, which is the same in all processes with this database';
			context.addIssue({ code: 'custom', path: ['store'], message });
			return z.NEVER;
		})
		.superRefine(({ registrar, verifier, airlock, users }, context) => {
			const wrong = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
			if (!registrar && !verifier) wrong([], 'there is nothing to do: give registrar, verifier or both');
			if (verifier && !verifier.registrar && !registrar)
				wrong(['verifier'], 'this process has no registrar: say which one is asked for nodes’ keys');
			if (verifier && !verifier.hil && 'hil' in users)
				wrong(['verifier'], 'users are hil’s: say by hil who looks up there whose a node is');
			if (airlock && !verifier)
				wrong(['airlock'], 'this process has no verifier: who is in the airlock is admitted by its own');
			if (airlock && airlock.project === airlock.rejected)
				wrong(
					['airlock', 'rejected'],
					'name another project than the airlock’s own for nodes that were refused',
				);
		})
		.superRefine(refuseInTheClear);
};

export type AttestSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `attest.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readAttestSite = (file: string): AttestSite =>
	readConfig<AttestSite>({ file: resolve(file), schema: siteSchema });
