import { z } from 'zod';
import { readConfig } from '../../common/config/read-config.ts';
import { secretFile } from '../../common/config/values.ts';

const name = z.string().min(1);
/** `switches: {}` as well as nothing after the colon. */
const group = <V extends z.ZodType>(value: V) =>
	z.preprocess(given => given ?? {}, z.record(name, value)).default({});
const empty = (given: unknown) => given ?? {};

const mac = z
	.string()
	.regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, 'expected a MAC address: 02:00:00:00:00:01')
	.transform(text => text.toLowerCase());
/** `mock`: HIL's own type of that name. Others are whole URIs. */
const switchType = z
	.string()
	.min(1)
	.transform(text =>
		/^[\w-]+$/.test(text) ? `http://schema.massopencloud.org/haas/v0/switches/${text}` : text,
	);
const isSecretName = (setting: string): boolean => /password|secret|token|passphrase/i.test(setting);
const most = z.int().min(0).nullable().default(null);

/** What a rack file says. `{ file: NAME }` stands for the first line of a file that only its owner can read. */
const rackFile = (folder: string) =>
	z
		.strictObject({
			switches: group(
				z.strictObject({
					type: switchType,
					settings: z
						.record(
							name,
							z.union([z.string(), z.number(), z.boolean(), z.strictObject({ file: secretFile(folder) })]),
						)
						.superRefine((settings, context) => {
							for (const [setting, value] of Object.entries(settings)) {
								if (!isSecretName(setting) || typeof value === 'object') continue;
								const message = 'a secret stands in a file of its own: { file: NAME }';
								context.addIssue({ code: 'custom', path: [setting], message });
							}
						}),
					/** Beside those that nodes are plugged into. */
					ports: z.array(name).default([]),
				}),
			),
			nodes: group(
				z.strictObject({
					management: z.url({ protocol: /^https?$/ }),
					metadata: group(z.json()),
					nics: group(
						z
							.strictObject({ mac, switch: name.optional(), port: name.optional() })
							.refine(nic => (nic.switch === undefined) === (nic.port === undefined), {
								message: 'switch and port go together',
							}),
					),
				}),
			),
			users: group(z.strictObject({ password: secretFile(folder), admin: z.boolean().default(false) })),
			projects: group(
				z.preprocess(
					empty,
					z.strictObject({
						users: z.array(name).default([]),
						quota: z.strictObject({ nodes: most, networks: most }).optional(),
					}),
				),
			),
			/** The administrators' own. */
			networks: group(
				z.strictObject({
					/** One of the pool when absent. */
					vlan: z.int().min(1).max(4094).optional(),
					access: z.union([z.literal('public'), z.array(name).min(1)]),
				}),
			),
		})
		.readonly();

export type RackFile = z.output<ReturnType<typeof rackFile>>;

/** Reads what `bimetal hil register` is given; throws a ConfigError that lists every problem with its place. */
export function readRackFile(file: string): RackFile {
	return readConfig<RackFile>({ file, schema: folder => rackFile(folder) as z.ZodType<RackFile> });
}
