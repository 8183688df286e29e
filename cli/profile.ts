import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import { makeFolderDurably, writeFileDurably } from '../common/store/durable-file.ts';
import type { CliContext } from './context.ts';
import { hinted, usageError } from './failure.ts';

export const profileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** A proxy and who one is there: what `bimetal login` leaves behind for the commands after it. */
export const profileSchema = z.strictObject({
	name: profileName,
	url: z.url({ protocol: /^https$/ }),
	/** PEM of the site CA, or of the one certificate that was trusted at log-in; absent: the system's CAs. */
	ca: z.string().optional(),
	user: z.string().optional(),
	/** The operator's party; to name the right profile in lines to paste. */
	party: z.string().optional(),
	/** A Redfish session's token and its path, or a file that holds the password. */
	token: z.string().optional(),
	session: z.string().optional(),
	passwordFile: z.string().optional(),
});
export type Profile = z.infer<typeof profileSchema>;

/** `BIMETAL_HOME`; else `.bimetal/cli` here, where `bimetal up` leaves its profiles; else the XDG folder. */
export function profileHome(context: Pick<CliContext, 'env' | 'cwd'>): string {
	const { env, cwd } = context;
	if (env.BIMETAL_HOME) return path.resolve(cwd, env.BIMETAL_HOME);
	const local = path.join(cwd, '.bimetal', 'cli');
	if (existsSync(local)) return local;
	const base = env.XDG_CONFIG_HOME && path.isAbsolute(env.XDG_CONFIG_HOME) ? env.XDG_CONFIG_HOME : undefined;
	return path.join(base ?? path.join(env.HOME || homedir(), '.config'), 'bimetal');
}

/** Profiles of one kind, a file each in a folder of the user's. */
export interface Profiles<P> {
	/**
	 * Writes a profile (mode 0600 in a folder of mode 0700), replacing one of the same name at once or not at all.
	 * @param home a folder as `profileHome` finds it; created when missing
	 */
	save(home: string, profile: P): Promise<void>;
	/** Undefined when there is none of that name. Throws when its file does not hold one. */
	load(home: string, name: string): Promise<P | undefined>;
	remove(home: string, name: string): Promise<void>;
	/** Names in order; none when there is no such folder. */
	list(home: string): Promise<string[]>;
}

/** @param folderIn where they are, below the home of all profiles */
export function profilesOf<P extends { readonly name: string }>(
	schema: z.ZodType<P>,
	folderIn: (home: string) => string,
): Profiles<P> {
	const fileOf = (home: string, name: string) => path.join(folderIn(home), `${name}.json`);
	return {
		async save(home, profile) {
			const parsed = schema.safeParse(profile);
			if (!parsed.success) {
				const issue = parsed.error.issues[0];
				throw usageError(
					`this profile cannot be saved: ${issue?.path.join('.')}: ${issue?.message}`,
					'a name of letters, digits, dots and dashes, and an https URL',
				);
			}
			await makeFolderDurably(folderIn(home));
			await (await profileFile(fileOf(home, profile.name), schema)).write(parsed.data);
		},
		async load(home, name) {
			if (!profileName.safeParse(name).success) return undefined;
			return (await profileFile(fileOf(home, name), schema)).read();
		},
		remove: (home, name) => rm(fileOf(home, name), { force: true }),
		async list(home) {
			try {
				const files = await readdir(folderIn(home));
				return files
					.filter(file => file.endsWith('.json') && !file.startsWith('.'))
					.map(file => file.slice(0, -'.json'.length))
					.sort();
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
				throw error;
			}
		},
	};
}

const ofProxies = profilesOf(profileSchema, home => home);
export const saveProfile = ofProxies.save;
export const loadProfile = ofProxies.load;
export const deleteProfile = ofProxies.remove;
export const listProfiles = ofProxies.list;

/** One lowdb document per profile, so that log-ins to several sites at once do not overwrite each other. */
async function profileFile<P>(file: string, schema: z.ZodType<P>) {
	const { Low } = await import('lowdb');
	const adapter = {
		async read(): Promise<P | null> {
			let text: string;
			try {
				text = await readFile(file, 'utf8');
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
				throw error;
			}
			return parseProfile(file, text, schema);
		},
		async write(profile: P | null): Promise<void> {
			await writeFileDurably(file, `${JSON.stringify(profile, null, '\t')}\n`, 0o600);
		},
	};
	const database = new Low<P | null>(adapter, null);
	return {
		async read(): Promise<P | undefined> {
			await database.read();
			return database.data ?? undefined;
		},
		async write(profile: P): Promise<void> {
			database.data = profile;
			await database.write();
		},
	};
}

function parseProfile<P>(file: string, text: string, schema: z.ZodType<P>): P {
	try {
		return schema.parse(JSON.parse(text));
	} catch (cause) {
		const error = new BimetalError('Usage', `${file} does not hold a profile`, { status: 400, cause });
		throw hinted(error, `remove it and log in again`);
	}
}
