import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import { duration, existingFile, secretFile } from '../common/config/values.ts';
import { storeSite } from '../common/store/store-site.ts';

const port = z.int().min(0).max(65535);
const listenAddress = z.strictObject({ host: z.string().default('127.0.0.1'), port });
const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host);

/** Where passwords are sent: another machine's only over TLS. */
const serviceUrl = z
	.url({ protocol: /^https?$/ })
	.refine(
		text => new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
		'passwords would cross the network: give https, or an address of loopback',
	);

/** Another service, and this one's account there. */
const account = (folder: string) =>
	z.strictObject({
		url: serviceUrl,
		ca: existingFile(folder).optional(),
		username: z.string().min(1),
		password: secretFile(folder),
	});

/** The airlock, by the names that hil has for its project and network, and for the project of those who were refused. */
const airlockSchema = (folder: string) =>
	z.strictObject({
		hil: account(folder),
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
			z.strictObject({ provisioner: account(folder), image: z.string().min(1) }),
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
			ops: listenAddress.default({ host: '127.0.0.1', port: 0 }),
			/** Without it, loopback only: passwords come with calls, and nodes must know whom they talk to. */
			tls: z.strictObject({ certificate: file, key: secretFile(folder) }).optional(),
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
					registrar: account(folder).optional(),
					/** Who knows whose a node is, and an account there that may see it; needed where users are hil's. */
					hil: account(folder).optional(),
					/** The broker that revocations are published to. */
					events: z
						.strictObject({
							url: z.url({ protocol: /^mqtts?$/ }),
							ca: file.optional(),
							username: z.string().min(1),
							password: secretFile(folder),
						})
						.optional(),
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
			log: z
				.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
				.default({ level: 'info' }),
		})
		.transform((site, context) => {
			const { key, store } = site;
			if (key !== undefined) return { ...site, key };
			if (store.engine !== 'postgres') return { ...site, key: `${store.file}.key` };
			const message = 'say in which file the key is, which is the same in all processes with this database';
			context.addIssue({ code: 'custom', path: ['store'], message });
			return z.NEVER;
		})
		.superRefine(({ listen: { host }, tls, registrar, verifier, airlock, users }, context) => {
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
			if (tls || isLoopback(host)) return;
			const message =
				'other machines reach this address: passwords would cross the network. Give tls as well';
			wrong(['listen', 'host'], message);
		});
};

export type AttestSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `attest.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readAttestSite = (file: string): AttestSite =>
	readConfig<AttestSite>({ file: resolve(file), schema: siteSchema });
