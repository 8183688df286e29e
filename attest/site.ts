import { resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import { existingFile, secretFile } from '../common/config/values.ts';

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

/** `attest.yaml`: everything that the registrar and the verifier are told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	const path = z.string().transform(text => resolve(folder, text));
	const file = existingFile(folder);
	return z
		.strictObject({
			store: z.strictObject({ engine: z.enum(['sqlite', 'lowdb']).default('sqlite'), file: path }),
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
			log: z
				.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
				.default({ level: 'info' }),
		})
		.superRefine(({ listen: { host }, tls, registrar }, context) => {
			if (!registrar) context.addIssue({ code: 'custom', message: 'there is nothing to do: give registrar' });
			if (tls || isLoopback(host)) return;
			const message =
				'other machines reach this address: passwords would cross the network. Give tls as well';
			context.addIssue({ code: 'custom', path: ['listen', 'host'], message });
		});
};

export type AttestSite = z.output<ReturnType<typeof siteSchema>>;

/** Reads and checks `attest.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export const readAttestSite = (file: string): AttestSite =>
	readConfig<AttestSite>({ file: resolve(file), schema: siteSchema });
