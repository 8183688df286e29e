import { z } from 'zod';
import { duration, existingFile, secretFile } from '../../common/config/values.ts';
import { isLoopback } from '../../common/network/loopback.ts';
import { label } from '../model/label.ts';

const name = z.string().min(1).max(255);

/** Keystone's own URL: `https://keystone.example:5000/v3`. */
const keystoneUrl = z
	.url({ protocol: /^https?$/ })
	.transform(text => text.replace(/\/+$/, ''))
	.superRefine((text, context) => {
		const { pathname, search, hash, username, password } = new URL(text);
		if (!/\/v3$/.test(pathname) || search + hash + username + password !== '') {
			context.addIssue({
				code: 'custom',
				message: 'expected the URL of the Identity API: https://HOST:PORT/v3',
			});
		}
		const { protocol, hostname } = new URL(text);
		if (protocol === 'http:' && !isLoopback(hostname)) {
			context.addIssue({ code: 'custom', message: 'tokens would cross the network: https, but on loopback' });
		}
	});

const longestMemory = 5 * 60_000;

const keystone = (folder: string) =>
	z.strictObject({
		url: keystoneUrl,
		ca: existingFile(folder).optional(),
		/** hil's own account there. */
		account: z.union(
			[
				z.strictObject({
					user: name,
					domain: name.default('Default'),
					project: name,
					projectDomain: name.default('Default'),
					password: secretFile(folder),
				}),
				z.strictObject({ applicationCredential: name, secret: secretFile(folder) }),
			],
			'expected { user, project, password } or { applicationCredential, secret }',
		),
		/** What hil's projects are called: by Keystone's ids, or by the names that they have in one domain. */
		projects: z
			.union([z.literal('id'), z.strictObject({ domain: name })], 'expected id, or { domain: NAME }')
			.default('id'),
		roles: z.array(name).min(1).default(['member']),
		administrators: z
			.strictObject({
				role: name.default('admin'),
				in: z.union(
					[
						z.literal('admin project'),
						z.strictObject({ id: name }),
						z.strictObject({ name, domain: name.default('Default') }),
					],
					'expected { id }, { name, domain }, or admin project',
				),
			})
			.optional(),
		/** For how long Keystone's word on a token is taken: for so long a revoked one may still be let in. */
		remember: duration
			.refine(ms => ms <= longestMemory, 'a revoked token must not be taken for longer than 5m')
			.default(60_000),
		/** For one question to Keystone. */
		timeout: duration.default(5000),
	});

/** By what of a client's certificate a user is known. */
export const certificateNames = ['cn', 'email', 'uri'] as const;

const certificates = z.strictObject({
	name: z.enum(certificateNames).default('cn'),
	/** Users by these names; when absent, the name is the user's. */
	users: z.record(z.string().min(1), label).optional(),
});

/** The section `authenticate` of hil.yaml: which back ends there are. */
export const authenticateSection = (folder: string) =>
	z
		.strictObject({
			database: z.boolean().default(true),
			keystone: keystone(folder).optional(),
			certificates: certificates.optional(),
		})
		.refine(
			({ database, keystone: tokens, certificates: shown }) => database || tokens || shown,
			'nobody could log in: leave database as it is, or give keystone or certificates',
		)
		.prefault({});

export type AuthenticateSettings = z.output<ReturnType<typeof authenticateSection>>;
