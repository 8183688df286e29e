import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import { type Credential, createProxyClient, type ProxyClient } from '../proxy/client.ts';
import { type CliContext, commandName } from './context.ts';
import { hinted, usageError } from './failure.ts';
import { hilProfiles } from './hil/hil-profile.ts';
import { listProfiles, loadProfile, type Profile, profileHome } from './profile.ts';

/** The options that say which proxy, and as whom; every command that talks to a proxy takes them. */
export interface ConnectionOptions {
	readonly profile?: string;
	readonly url?: string;
	readonly user?: string;
	readonly passwordFile?: string;
	readonly ca?: string;
	readonly certificate?: string;
	readonly key?: string;
}

export interface Connection {
	readonly client: ProxyClient;
	/** What to add to a line for it to reach the same proxy as the same operator: ` --as hso`, or nothing. */
	readonly suffix: string;
	readonly home: string;
	readonly url: string;
	/** The profile's name, where one is used. */
	readonly profile: string | undefined;
}

/**
 * Runs `work` with a client of the proxy that options, environment or profile name (in this order), and closes
 * it. A profile's token or password goes to the profile's own URL only.
 */
export async function withConnection<R>(
	context: CliContext,
	options: ConnectionOptions,
	work: (connection: Connection) => Promise<R>,
	signal?: AbortSignal,
): Promise<R> {
	const home = profileHome(context);
	const source = await connectionSource(context, options, home);
	const client = createProxyClient({ ...source, clock: context.clock, signal });
	const named = source.profile !== undefined && source.profile.name !== 'default';
	const suffix = named && !context.env.BIMETAL_PROFILE ? ` --as ${source.profile?.name}` : '';
	try {
		return await work({ client, suffix, home, url: source.url, profile: source.profile?.name });
	} catch (error) {
		if (source.profile?.token && error instanceof BimetalError && error.status === 401) {
			const { name, url, user } = source.profile;
			const as = name === 'default' ? '' : ` --profile ${name}`;
			const login = `${commandName(context)} login ${url} --user ${user ?? 'NAME'}${as}`;
			throw hinted(
				new BimetalError('NotLoggedIn', 'the session has ended', { status: 401, cause: error }),
				login,
			);
		}
		throw error;
	} finally {
		await client.close();
	}
}

interface Source {
	readonly url: string;
	readonly credential: Credential | undefined;
	readonly ca: string | undefined;
	readonly profile: Profile | undefined;
}

async function connectionSource(
	context: CliContext,
	options: ConnectionOptions,
	home: string,
): Promise<Source> {
	const { env } = context;
	// A URL of one's own means a log-in of one's own: nothing of a profile is sent there.
	const url = options.url ?? (options.profile ? undefined : env.BIMETAL_URL);
	const profile = url ? undefined : await chosenProfile(context, options, home);
	// Environment variables describe the proxy of BIMETAL_URL; with a profile, options alone override.
	const fallback = url ? env : {};
	const user = options.user ?? fallback.BIMETAL_USER;
	const passwordFile = options.passwordFile ?? fallback.BIMETAL_PASSWORD_FILE;
	const caFile = options.ca ?? fallback.BIMETAL_CA;
	const certificate = options.certificate ?? fallback.BIMETAL_CERTIFICATE;
	const key = options.key ?? fallback.BIMETAL_KEY;
	const ca = caFile ? await readNamedFile(context, caFile, 'CA certificate') : profile?.ca;
	return {
		url: url ?? profile?.url ?? '',
		ca,
		profile,
		credential: await chosenCredential(context, { user, passwordFile, certificate, key }, profile),
	};
}

async function chosenCredential(
	context: CliContext,
	own: {
		certificate: string | undefined;
		key: string | undefined;
		user: string | undefined;
		passwordFile: string | undefined;
	},
	profile: Profile | undefined,
): Promise<Credential> {
	if (own.certificate || own.key) {
		if (!own.certificate || !own.key)
			throw usageError('a client certificate needs its key', '--certificate FILE --key FILE');
		return {
			certificate: await readNamedFile(context, own.certificate, 'certificate'),
			key: await readNamedFile(context, own.key, 'key'),
		};
	}
	if (profile?.token && !own.user && !own.passwordFile) return { token: profile.token };
	const username = own.user ?? profile?.user;
	const passwordFile = own.passwordFile ?? (own.user ? undefined : profile?.passwordFile);
	if (username && passwordFile) return { username, password: await readPasswordFile(context, passwordFile) };
	const missing = username ? `no password for ${username}` : 'no user name';
	throw hinted(
		new BimetalError('NotLoggedIn', `not logged in: ${missing}`, { status: 401 }),
		`${commandName(context)} login URL --user NAME, or --user NAME --password-file FILE here`,
	);
}

async function chosenProfile(
	context: CliContext,
	options: ConnectionOptions,
	home: string,
): Promise<Profile> {
	const name = options.profile ?? context.env.BIMETAL_PROFILE;
	const known = await listProfiles(home);
	const only = known.length === 1 ? known[0] : undefined;
	const chosen = name ?? (known.includes('default') ? 'default' : only);
	const profile = chosen === undefined ? undefined : await loadProfile(home, chosen);
	if (profile) return profile;
	const bimetal = commandName(context);
	if (name === undefined && known.length) {
		throw usageError(`which operator? there are several profiles: ${known.join(', ')}`, `--as ${known[0]}`);
	}
	const ofHil = name !== undefined && (await hilProfiles.list(home)).includes(name);
	const message =
		name === undefined
			? 'not logged in to a proxy'
			: ofHil
				? `'${name}' is a user of hil, not an operator of a proxy`
				: `there is no profile '${name}'`;
	const tryNext = known.length
		? `--as ${known.join(' or --as ')}`
		: `${bimetal} login URL --user NAME${name === undefined ? '' : ` --profile ${name}`}, or '${bimetal} up' to start a site here`;
	throw hinted(new BimetalError('NotLoggedIn', message, { status: 401 }), tryNext);
}

/** A password file's first line. */
export async function readPasswordFile(context: CliContext, file: string): Promise<string> {
	const [password = ''] = (await readNamedFile(context, file, 'password')).split(/\r?\n/, 1);
	if (!password) throw usageError(`the password file ${file} is empty`, 'put the password on its first line');
	return password;
}

/** A file that the user named; its absence is the user's to mend. */
export async function readNamedFile(context: CliContext, file: string, what: string): Promise<string> {
	try {
		return await readFile(path.resolve(context.cwd, file), 'utf8');
	} catch (error) {
		const { code = 'unreadable' } = error as NodeJS.ErrnoException;
		throw usageError(`cannot read the ${what} file ${file}: ${code}`, 'check the name and its permissions');
	}
}
