import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createHilClient, type HilClient } from '../../hil/client.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { listProfiles, profileHome } from '../profile.ts';
import { type HilCredentialFiles, type ReadHilCredential, readHilCredential } from './hil-credential.ts';
import { type HilProfile, hilProfiles, hilUrl, type SiteService, servicesOf } from './hil-profile.ts';

/** The options that say which hil, and as whom; every command that talks to one takes them. */
export interface HilOptions extends HilCredentialFiles {
	readonly profile?: string;
	readonly url?: string;
	readonly ca?: string;
	readonly json?: boolean;
}

export interface HilConnection {
	readonly client: HilClient;
	readonly url: string;
	/** What to add to a line for it to reach the same hil as the same user: ` --as red`, or nothing. */
	readonly suffix: string;
	/** Where the profile, if there is one, has the other services of the site. */
	readonly services: Partial<Record<SiteService, string>>;
}

/** Runs `work` with a client of the hil that options, environment or profile name (in this order), and closes it. */
export async function withHil<R>(
	context: CliContext,
	options: HilOptions,
	work: (connection: HilConnection) => Promise<R>,
	signal?: AbortSignal,
): Promise<R> {
	const { url, credential, ca, profile, suffix } = await chooseHil(context, options);
	const client = createHilClient({ url, ...credential, ca, clock: context.clock, signal });
	try {
		return await work({ client, url, suffix, services: servicesOf(profile) });
	} catch (error) {
		throw await explained(context, error, client, credential);
	} finally {
		await client.close();
	}
}

/** hil says 401 of a wrong password and of a right that is missing: who one is tells them apart. */
async function explained(
	context: CliContext,
	error: unknown,
	client: HilClient,
	credential: ReadHilCredential,
): Promise<unknown> {
	if (!(error instanceof BimetalError)) return error;
	if (error.code === 'Interrupted')
		return hinted(error, `${commandName(context)} node list — what hil was asked already goes on`);
	if (error.code !== 'AuthorizationError') return error;
	const me = await client.me().catch(() => undefined);
	if (me === undefined) {
		// hil says what is wrong with a certificate or a token; of a password only that it is.
		const isPassword = 'username' in credential;
		const message = isPassword ? `${credential.username} or the password was refused` : error.message;
		return hinted(
			new BimetalError('CredentialRefused', message, { status: 401, cause: error }),
			isPassword
				? `${commandName(context)} hil login URL --user NAME`
				: 'another certificate, or another token',
		);
	}
	const denied = new BimetalError('AuthorizationError', error.message, { status: 403, cause: error });
	const projects = me.projects.length > 0 ? `in ${me.projects.join(', ')}` : 'in no project';
	return hinted(denied, `you are ${me.name}, ${projects}; --as NAME acts as somebody else`);
}

interface Chosen {
	readonly url: string;
	readonly credential: ReadHilCredential;
	readonly ca: string | undefined;
	/** The one whose log-in it is; undefined where options or environment name a hil. */
	readonly profile: HilProfile | undefined;
	/** What to add to a line for it to act as the same user: ` --as red`, or nothing. */
	readonly suffix: string;
}

/**
 * Which hil, and who one is there: by options, environment or profile, in this order.
 * @param more what to add to the line that logs in, where nobody is
 */
export async function chooseHil(context: CliContext, options: HilOptions, more = ''): Promise<Chosen> {
	const { env } = context;
	// A URL of one's own means a log-in of one's own: nothing of a profile is sent there.
	const url = options.url ?? (options.profile ? undefined : env.BIMETAL_HIL_URL);
	const profile = url ? undefined : await chooseProfile(context, options, more);
	// Environment variables describe the hil of BIMETAL_HIL_URL; with a profile, options alone override.
	const known: HilCredentialFiles = profile ?? {
		user: env.BIMETAL_HIL_USER,
		passwordFile: env.BIMETAL_HIL_PASSWORD_FILE,
		certificate: env.BIMETAL_HIL_CERTIFICATE,
		key: env.BIMETAL_HIL_KEY,
		tokenFile: env.BIMETAL_HIL_TOKEN_FILE,
	};
	const caFile = options.ca ?? (url ? env.BIMETAL_HIL_CA : undefined);
	const isNamed = profile !== undefined && profile.name !== 'default' && !env.BIMETAL_HIL_PROFILE;
	return {
		url: checkedUrl(url ?? profile?.url ?? ''),
		credential: await readHilCredential(context, options, known),
		ca: caFile ? await readNamedFile(context, caFile, 'CA certificate') : profile?.ca,
		profile,
		suffix: isNamed ? ` --as ${profile.name}` : '',
	};
}

/** The origin of what was given. Throws a usage error for what a password must not be sent to. */
export function checkedUrl(text: string): string {
	const parsed = hilUrl.safeParse(text);
	if (parsed.success) return new URL(parsed.data).origin;
	throw usageError(
		`'${text}' is no address of a service: ${parsed.error.issues[0]?.message}`,
		'https://HOST:PORT',
	);
}

/** The profile that is named, `default`, or the only one; undefined where that leaves none. */
export async function findProfile(
	context: CliContext,
	{ profile: named }: HilOptions,
): Promise<HilProfile | undefined> {
	const home = profileHome(context);
	const known = await hilProfiles.list(home);
	const only = known.length === 1 ? known[0] : undefined;
	const chosen = named ?? context.env.BIMETAL_HIL_PROFILE ?? (known.includes('default') ? 'default' : only);
	return chosen === undefined ? undefined : hilProfiles.load(home, chosen);
}

async function chooseProfile(context: CliContext, options: HilOptions, more: string): Promise<HilProfile> {
	const profile = await findProfile(context, options);
	if (profile) return profile;
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_HIL_PROFILE;
	const known = await hilProfiles.list(home);
	if (name === undefined && known.length)
		throw usageError(
			`which user of hil? there are several profiles: ${known.join(', ')}`,
			`--as ${known[0]}`,
		);
	const ofProxy = name !== undefined && (await listProfiles(home)).includes(name);
	const message =
		name === undefined
			? 'not logged in to hil'
			: ofProxy
				? `'${name}' is an operator of a proxy, not a user of hil`
				: `there is no profile '${name}' for hil`;
	const bimetal = commandName(context);
	const tryNext = known.length
		? `--as ${known.join(' or --as ')}`
		: `${bimetal} hil login URL --user NAME${name === undefined ? '' : ` --as ${name}`}${more}, or '${bimetal} up' to start a site here`;
	throw hinted(new BimetalError('NotLoggedIn', message, { status: 401 }), tryNext);
}
