import { rm } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { makeFolderDurably, writeFileDurably } from '../../common/store/durable-file.ts';
import { createHilClient } from '../../hil/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { checkedUrl, type HilOptions, withHil } from '../hil/hil-connection.ts';
import { type HilCredentialFiles, readHilCredential } from '../hil/hil-credential.ts';
import { hilProfiles, keptPassword, servicesOf, siteServices } from '../hil/hil-profile.ts';
import { painter, printFields, printJson, printLine } from '../output.ts';
import { profileHome } from '../profile.ts';
import { visible } from '../visible.ts';
import { choosePassword, chooseTrust, type PasswordOptions } from './log-in-means.ts';

export interface HilLoginOptions extends HilCredentialFiles {
	readonly profile?: string;
	readonly passwordStdin?: boolean;
	readonly ca?: string;
	readonly trust?: string;
	readonly provisioner?: string;
	readonly attest?: string;
	readonly market?: string;
	readonly json?: boolean;
}

/** `bimetal hil login`: sees that it is let in, and keeps who one is in a profile. */
export async function hilLogin(context: CliContext, url: string, options: HilLoginOptions): Promise<number> {
	const { certificate, key, tokenFile } = options;
	const isPassword = certificate === undefined && key === undefined && tokenFile === undefined;
	if (isPassword && !options.user)
		throw usageError('who logs in?', `${commandName(context)} hil login ${url} --user NAME`);
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_HIL_PROFILE ?? 'default';
	const origin = checkedUrl(url);
	const services = await servicesBeside(home, name, origin, options);
	const ca = origin.startsWith('https:')
		? await chooseTrust(context, origin, {
				ca: options.ca ?? context.env.BIMETAL_HIL_CA,
				...(options.trust !== undefined && { trust: options.trust }),
			})
		: undefined;
	const credential = isPassword
		? {
				username: options.user ?? '',
				password: await choosePassword(context, origin, passwordMeans(options)),
			}
		: await readHilCredential(context, { certificate, key, tokenFile, passwordFile: options.passwordFile });
	const client = createHilClient({ url: origin, ca, ...credential, clock: context.clock });
	const me = await client
		.me()
		.catch(fault => {
			// What answers there may be a proxy: it knows nothing of hil's paths.
			const isElsewhere = fault instanceof BimetalError && fault.status === 404;
			throw isElsewhere
				? hinted(fault, `is ${origin} hil? '${commandName(context)} login' logs in to a proxy`)
				: fault;
		})
		.finally(() => client.close());
	const files =
		'password' in credential ? await passwordOf(context, home, name, options, credential.password) : {};
	const absolute = (file: string | undefined) => file && path.resolve(context.cwd, file);
	const kept = Object.entries({
		certificate: absolute(certificate),
		key: absolute(key),
		tokenFile: absolute(tokenFile),
		...files,
	}).filter(([, file]) => file !== undefined);
	const about = {
		name,
		url: origin,
		...(ca !== undefined && { ca }),
		...services,
		user: me.name,
	};
	await hilProfiles.save(home, { ...about, ...Object.fromEntries(kept) });
	if (options.json)
		printJson(context, {
			profile: name,
			url: origin,
			user: me.name,
			isAdmin: me.is_admin,
			projects: me.projects,
			services,
		});
	else
		printLine(
			context,
			`Logged in to ${origin} as ${visible(me.name)}, ${visible(standing(me.is_admin, me.projects))} (profile ${name}; read at each call: ${visible(kept.map(([, file]) => file).join(', '))}).`,
		);
	return 0;
}

/** The site's other services: those that are named, and of the others those that this profile has of the same hil. */
async function servicesBeside(home: string, name: string, hil: string, options: HilLoginOptions) {
	// What cannot be read any more is written anew.
	const before = await hilProfiles.load(home, name).catch(() => undefined);
	const named = siteServices.flatMap(service => {
		const url = options[service];
		return url === undefined ? [] : [[service, checkedUrl(url)] as const];
	});
	return { ...(before?.url === hil && servicesOf(before)), ...Object.fromEntries(named) };
}

const passwordMeans = ({ user, passwordFile, passwordStdin }: HilLoginOptions): PasswordOptions => ({
	...(user !== undefined && { user }),
	...(passwordFile !== undefined && { passwordFile }),
	...(passwordStdin && { passwordStdin }),
});

/** The file that holds the password from now on: the one that was given, or one of the profile's own. */
async function passwordOf(
	context: CliContext,
	home: string,
	name: string,
	options: HilLoginOptions,
	password: string,
): Promise<{ readonly passwordFile: string }> {
	if (options.passwordFile) return { passwordFile: path.resolve(context.cwd, options.passwordFile) };
	const passwordFile = keptPassword(home, name);
	await makeFolderDurably(path.dirname(passwordFile));
	await writeFileDurably(passwordFile, `${password}\n`, 0o600);
	return { passwordFile };
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
	withHil(context, options, async ({ client, url, services }) => {
		const me = await client.me();
		if (options.json) printJson(context, { ...me, url, services });
		else
			printFields(context, [
				['user', painter(context)('bold', visible(me.name))],
				['rights', visible(standing(me.is_admin, me.projects))],
				['hil', url],
				...Object.entries(services),
			]);
		return 0;
	});

const standing = (isAdmin: boolean, projects: readonly string[]): string => {
	const member = projects.length > 0 ? `member of ${projects.join(', ')}` : undefined;
	return [isAdmin ? 'administrator' : undefined, member].filter(Boolean).join(', ') || 'member of no project';
};
