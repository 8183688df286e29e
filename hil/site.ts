import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../common/config/read-config.ts';
import {
	listenAddress,
	logSettings,
	opsAddress,
	refuseInTheClear,
	tlsFiles,
} from '../common/config/service-values.ts';
import { duration, existingFile, secretFile } from '../common/config/values.ts';
import { authenticateSection } from './authenticate/settings.ts';
import { label } from './model/label.ts';

/** `100-200, 300`: VLANs and ranges of them. */
const vlanPool = z
	.string()
	.regex(
		/^\s*\d+(\s*-\s*\d+)?(\s*,\s*\d+(\s*-\s*\d+)?)*\s*$/,
		'expected VLANs and ranges, for instance 100-200, 300',
	)
	.transform((text, context): ReadonlySet<number> => {
		const pool = new Set<number>();
		for (const part of text.split(',')) {
			const [first = 0, last = first] = part.split('-').map(Number);
			if (first < 1 || last > 4094 || first > last) {
				context.addIssue({ code: 'custom', message: `${part.trim()} is no range of VLANs: 1 to 4094 are` });
				return z.NEVER;
			}
			for (let vlan = first; vlan <= last; vlan++) pool.add(vlan);
		}
		return pool;
	});

const checkInterval = duration.refine(ms => ms >= 1000, 'expected 1s or more, or off');

const origin = z
	.url({ protocol: /^https$/ })
	.refine(
		text => URL.canParse(text) && new URL(text).pathname === '/' && new URL(text).username === '',
		'expected https://HOST:PORT',
	)
	.transform(text => new URL(text).origin);

/** `hil.yaml`: everything that hil is told. Relative paths count from the file's folder. */
const siteSchema = (folder: string) => {
	const path = z.string().transform(text => resolve(folder, text));
	return z
		.strictObject({
			store: z.strictObject({ engine: z.enum(['sqlite', 'lowdb']).default('sqlite'), file: path }),
			/** The key that switches' secrets are sealed by; made when it is not there, beside the store when absent. */
			key: path.optional(),
			listen: listenAddress,
			/** Health and metrics; keep it on loopback or a management network. */
			ops: opsAddress,
			/** Without it, hil listens on loopback only: passwords come with every call. */
			tls: z
				.strictObject({
					...tlsFiles(folder).shape,
					/** Who issues clients' certificates, and which of them were revoked; both PEM. */
					clientCa: existingFile(folder).optional(),
					clientCrl: existingFile(folder).optional(),
				})
				.optional(),
			/** By what callers prove who they are. */
			authenticate: authenticateSection(folder),
			/** Made at the start when there is no administrator; the password is the file's one line. */
			admin: z.strictObject({ username: label, password: secretFile(folder) }).optional(),
			/** By what switches are known: `ca` signs their certificates, `knownHosts` has their SSH keys as OpenSSH's does. */
			switches: z
				.strictObject({ ca: existingFile(folder).optional(), knownHosts: existingFile(folder).optional() })
				.default({}),
			/** VLANs that networks are given. */
			vlans: vlanPool,
			/** The proxies that nodes are managed through, and hil's account at each. */
			obm: z
				.array(
					z.strictObject({
						/** By which the addresses of nodes name it. */
						proxy: origin,
						/** Where it is reached, when it is elsewhere now: the addresses of nodes stay as they are. */
						at: origin.optional(),
						ca: existingFile(folder).optional(),
						username: z.string().min(1),
						password: secretFile(folder),
					}),
				)
				.default([]),
			/** Where nodes go that leave a project, instead of becoming free. */
			maintenance: z
				.strictObject({ project: label, url: z.url({ protocol: /^https?$/ }).optional() })
				.optional(),
			/** What becomes of a node that a member of its project detaches: free at once as in HIL, or released. */
			detach: z.enum(['frees', 'releases']).default('frees'),
			/** Whether nodes that have left a project are marked `uncleaned`, until somebody takes the mark away. */
			uncleaned: z.enum(['unmarked', 'marked']).default('unmarked'),
			/** Who is told which switch and port a node is plugged into: administrators, or its project as well. */
			topology: z.enum(['administrators', 'projects']).default('administrators'),
			headnodes: z.strictObject({ images: z.array(z.string().min(1)) }).default({ images: [] }),
			/** How often each switch is compared with what is recorded, and whether what differs is put right by itself. */
			driftChecks: z
				.strictObject({
					every: z.union([z.literal('off').transform(() => null), checkInterval]).default(15 * 60_000),
					repair: z.boolean().default(false),
				})
				.default({ every: 15 * 60_000, repair: false }),
			/** How long what has ended can be looked up. */
			keepActions: duration.default(30 * 86_400_000),
			log: logSettings,
		})
		.transform(site => ({ ...site, key: site.key ?? `${site.store.file}.key` }))
		.superRefine(({ tls, authenticate: { certificates } }, context) => {
			const say = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
			if (certificates && !tls?.clientCa)
				say(['authenticate', 'certificates'], 'whose certificates? Give tls: { clientCa: FILE } as well');
			if (tls?.clientCa && !certificates)
				say(['tls', 'clientCa'], 'no certificate is taken: give authenticate: { certificates: {} } as well');
			if (tls?.clientCrl && !tls.clientCa)
				say(['tls', 'clientCrl'], 'it belongs to a clientCa: give that as well');
		})
		.superRefine(({ detach, obm }, context) => {
			if (detach === 'frees' || obm.length > 0) return;
			const message = 'nobody could switch them off: say by obm through which proxy nodes are managed';
			context.addIssue({ code: 'custom', path: ['detach'], message });
		})
		.superRefine(refuseInTheClear);
};

export type HilSite = z.output<ReturnType<typeof siteSchema>> & {
	/** Where the file stands. */
	readonly folder: string;
};

/** Reads and checks `hil.yaml`; throws a ConfigError that lists every problem with file, line and column. */
export function readHilSite(file: string): HilSite {
	const path = resolve(file);
	const schema = siteSchema as (folder: string) => z.ZodType<Omit<HilSite, 'folder'>>;
	return Object.freeze({ ...readConfig({ file: path, schema }), folder: dirname(path) });
}
