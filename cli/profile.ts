import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import { makeFolderDurably, writeFileDurably } from '../common/store/durable-file.ts';
import type { CliContext } from './context.ts';
import { hinted, usageError } from './failure.ts';

/** A proxy and who one is there: what `bimetal login` leaves behind for the commands after it. */
export const profileSchema = z.strictObject({
	name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
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

/**
 * Writes a profile (mode 0600 in a folder of mode 0700), replacing one of the same name at once or not at all.
 * @param home a folder as `profileHome` finds it; created when missing
 */
export async function saveProfile(home: string, profile: Profile): Promise<void> {
	const parsed = profileSchema.safeParse(profile);
	if (!parsed.success) {
		const issue = parsed.error.issues[0];
		throw usageError(
			`this profile cannot be saved: ${issue?.path.join('.')}: ${issue?.message}`,
			'a name of letters, digits, dots and dashes, and an https URL',
		);
	}
	await (await profileFile(home, profile.name)).write(parsed.data);
}

/** The profile `name`; undefined when there is none. Throws when its file does not hold one. */
export async function loadProfile(home: string, name: string): Promise<Profile | undefined> {
	if (!profileSchema.shape.name.safeParse(name).success) return undefined;
	return (await profileFile(home, name)).read();
}

export async function deleteProfile(home: string, name: string): Promise<void> {
	await rm(path.join(home, `${name}.json`), { force: true });
}

/** Names in order; none when there is no such folder. */
export async function listProfiles(home: string): Promise<string[]> {
	try {
		const files = await readdir(home);
		return files
			.filter(file => file.endsWith('.json') && !file.startsWith('.'))
			.map(file => file.slice(0, -'.json'.length))
			.sort();
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
		throw error;
	}
}

/** One lowdb document per profile, so that log-ins to several sites at once do not overwrite each other. */
async function profileFile(home: string, name: string) {
	const { Low } = await import('lowdb');
	const file = path.join(home, `${name}.json`);
	const adapter = {
		async read(): Promise<Profile | null> {
			let text: string;
			try {
				text = await readFile(file, 'utf8');
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
				throw error;
			}
			return parseProfile(file, text);
		},
		async write(profile: Profile | null): Promise<void> {
			await makeFolderDurably(home);
			await writeFileDurably(file, `${JSON.stringify(profile, null, '\t')}\n`, 0o600);
		},
	};
	const database = new Low<Profile | null>(adapter, null);
	return {
		async read(): Promise<Profile | undefined> {
			await database.read();
			return database.data ?? undefined;
		},
		async write(profile: Profile): Promise<void> {
			database.data = profile;
			await database.write();
		},
	};
}

function parseProfile(file: string, text: string): Profile {
	try {
		return profileSchema.parse(JSON.parse(text));
	} catch (cause) {
		const error = new BimetalError('Usage', `${file} does not hold a profile`, { status: 400, cause });
		throw hinted(error, `remove it and log in again`);
	}
}
