import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createProxyClient } from '../../proxy/client.ts';
import type { ConnectionOptions } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { painter, printFields, printJson, printLine } from '../output.ts';
import { deleteProfile, loadProfile, profileHome, saveProfile } from '../profile.ts';
import { visible } from '../visible.ts';
import { warnOfBreakGlass } from './break-glass.ts';
import { choosePassword, chooseTrust, type PasswordOptions } from './log-in-means.ts';

export interface LoginOptions extends ConnectionOptions, PasswordOptions {
	readonly trust?: string;
	readonly json?: boolean;
}

/** `bimetal login`: opens a Redfish session and keeps its token, never the password, in a profile. */
export async function login(context: CliContext, url: string, options: LoginOptions): Promise<number> {
	if (!options.user) throw usageError('who logs in?', `${commandName(context)} login ${url} --user NAME`);
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_PROFILE ?? 'default';
	const { origin } = URL.canParse(url) ? new URL(url) : { origin: url };
	// The URL is checked before anybody is asked for a password.
	await createProxyClient({ url }).close();
	const ca = await chooseTrust(context, origin, { ...options, ca: options.ca ?? context.env.BIMETAL_CA });
	const password = await choosePassword(context, origin, options);

	const credential = { username: options.user, password };
	const client = createProxyClient({ url: origin, ca, credential, clock: context.clock });
	try {
		const { token, session } = await client.login().catch(fault => {
			throw isElsewhere(fault)
				? hinted(fault, `is ${origin} a proxy? '${commandName(context)} hil login' logs in to hil`)
				: fault;
		});
		const me = await client.me();
		const previous = await loadProfile(home, name).catch(() => undefined);
		await saveProfile(home, {
			name,
			url: origin,
			...(ca === undefined ? {} : { ca }),
			user: me.name,
			party: me.party,
			token,
			session,
		});
		// The session that this profile held is of no use to anybody now.
		if (previous?.url === origin && previous.token && previous.session) {
			await client.logout(previous.session).catch(() => undefined);
		}
		if (options.json) printJson(context, { profile: name, url: origin, ...me });
		else
			printLine(
				context,
				`Logged in to ${origin} as ${visible(me.name)} of ${visible(me.party)} (profile ${name}).`,
			);
	} finally {
		await client.close();
	}
	return 0;
}

/** Whatever answers there knows no Redfish sessions. */
const isElsewhere = (fault: unknown): fault is BimetalError =>
	fault instanceof BimetalError && fault.status === 404;

/** `bimetal logout`: ends the session at the proxy and removes the profile. */
export async function logout(
	context: CliContext,
	options: ConnectionOptions & { json?: boolean },
): Promise<number> {
	const home = profileHome(context);
	const name = options.profile ?? context.env.BIMETAL_PROFILE ?? 'default';
	const profile = await loadProfile(home, name);
	if (!profile)
		throw usageError(`there is no profile '${name}'`, `${commandName(context)} logout --profile NAME`);
	let ended = false;
	if (profile.token && profile.session) {
		const client = createProxyClient({
			url: profile.url,
			ca: profile.ca,
			credential: { token: profile.token },
		});
		try {
			await client.logout(profile.session);
			ended = true;
		} catch (error) {
			const why = error instanceof Error ? error.message : String(error);
			context.stderr.write(
				`bimetal: the session could not be ended there and will time out: ${visible(why)}\n`,
			);
		} finally {
			await client.close();
		}
	}
	await deleteProfile(home, name);
	if (options.json) printJson(context, { profile: name, url: profile.url, sessionEnded: ended });
	else printLine(context, `Logged out of ${profile.url} (profile ${name} removed).`);
	return 0;
}

/** `bimetal whoami` */
export async function whoami(
	context: CliContext,
	options: ConnectionOptions & { json?: boolean },
): Promise<number> {
	const { withConnection } = await import('../connection.ts');
	return withConnection(context, options, async ({ client, url }) => {
		const [me, service] = [await client.me(), await client.service()];
		if (options.json) printJson(context, { ...me, url, site: service.site });
		else {
			await warnOfBreakGlass(context, client);
			printFields(context, [
				['operator', painter(context)('bold', visible(me.name))],
				['party', visible(me.party)],
				['site', `${visible(service.site)} at ${url}`],
			]);
		}
		return 0;
	});
}
