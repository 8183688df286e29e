import { rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import { createHilClient } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { checkedUrl, type HilOptions, withHil } from '../hil/hil-connection.ts';
import { hilProfiles, keptPassword } from '../hil/hil-profile.ts';
import { painter, printFields, printJson, printLine } from '../output.ts';
import { profileHome } from '../profile.ts';
import { visible } from '../visible.ts';
import { choosePassword, chooseTrust, type PasswordOptions, type TrustOptions } from './log-in-means.ts';

export interface HilLoginOptions extends PasswordOptions, TrustOptions {
	readonly profile?: string;
	readonly json?: boolean;
}

/** `bimetal hil login`: sees that the password is right, and keeps who one is in a profile. */
export async function hilLogin(context: CliContext, url: string, options: HilLoginOptions): Promise<number> {
	const user = options.user ?? '';
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_HIL_PROFILE ?? 'default';
	const origin = checkedUrl(url);
	const trust = { ...options, ca: options.ca ?? context.env.BIMETAL_HIL_CA };
	const ca = origin.startsWith('https:') ? await chooseTrust(context, origin, trust) : undefined;
	const password = await choosePassword(context, origin, options);
	const client = createHilClient({ url: origin, ca, username: user, password, clock: context.clock });
	let projects: readonly string[];
	let isAdmin: boolean;
	try {
		const me = await client.me();
		[projects, isAdmin] = [me.projects, me.is_admin];
	} finally {
		await client.close();
	}
	const given = options.passwordFile && path.resolve(context.cwd, options.passwordFile);
	const passwordFile = given ?? keptPassword(home, name);
	if (!given) {
		await makeFolderDurably(path.dirname(passwordFile));
		await writeFileDurably(passwordFile, `${password}\n`, 0o600);
	}
	await hilProfiles.save(home, { name, url: origin, ...(ca !== undefined && { ca }), user, passwordFile });
	if (options.json) printJson(context, { profile: name, url: origin, user, isAdmin, projects });
	else
		printLine(
			context,
			`Logged in to ${origin} as ${visible(user)}, ${standing(isAdmin, projects)} (profile ${name}; the password is in ${visible(passwordFile)}).`,
		);
	return 0;
}

/** `bimetal hil logout`: forgets the profile, and the password that was kept with it. */
export async function hilLogout(context: CliContext, options: HilOptions): Promise<number> {
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_HIL_PROFILE ?? 'default';
	const profile = await hilProfiles.load(home, name);
	if (!profile)
		throw usageError(
			`there is no profile '${name}' for hil`,
			`${commandName(context)} hil logout --as ${(await hilProfiles.list(home)).join(' or --as ') || 'NAME'}`,
		);
	await hilProfiles.remove(home, name);
	const kept = keptPassword(home, name);
	if (profile.passwordFile === kept) await rm(kept, { force: true });
	if (options.json) printJson(context, { profile: name, url: profile.url });
	else printLine(context, `Logged out of ${profile.url} (profile ${name} removed).`);
	return 0;
}

/** `bimetal hil whoami` */
export const hilWhoami = (context: CliContext, options: HilOptions): Promise<number> =>
	withHil(context, options, async ({ client, url }) => {
		const me = await client.me();
		if (options.json) printJson(context, { ...me, url });
		else
			printFields(context, [
				['user', painter(context)('bold', visible(me.name))],
				['rights', visible(standing(me.is_admin, me.projects))],
				['hil', url],
			]);
		return 0;
	});

const standing = (isAdmin: boolean, projects: readonly string[]): string => {
	const member = projects.length > 0 ? `member of ${projects.join(', ')}` : undefined;
	return [isAdmin ? 'administrator' : undefined, member].filter(Boolean).join(', ') || 'member of no project';
};
