import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { readNamedFile, readPasswordFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';

/** The files that say who one is; a user's name with a password alone. */
export interface HilCredentialFiles {
	readonly user?: string | undefined;
	readonly passwordFile?: string | undefined;
	/** PEM, with its key. */
	readonly certificate?: string | undefined;
	readonly key?: string | undefined;
	/** Its first line is a Keystone token. */
	readonly tokenFile?: string | undefined;
}

export type ReadHilCredential =
	| { readonly username: string; readonly password: string }
	| { readonly certificate: string; readonly key: string }
	| { readonly token: string };

/** Reads what is given, and for what is not, what a profile has. Throws NotLoggedIn when that is not enough. */
export async function readHilCredential(
	context: CliContext,
	given: HilCredentialFiles,
	profile: HilCredentialFiles = {},
): Promise<ReadHilCredential> {
	const kinds = kindsOf(given);
	if (kinds.length > 1)
		throw usageError(`a ${kinds.join(' and a ')} are two ways to log in`, 'give one of them');
	const files = kinds.length === 0 && given.user === undefined ? profile : given;
	const [kind = 'password'] = kindsOf(files);
	if (kind === 'certificate') {
		const { certificate, key } = files;
		if (certificate === undefined || key === undefined)
			throw usageError('a client certificate needs its key', '--certificate FILE --key FILE');
		return {
			certificate: await readNamedFile(context, certificate, 'certificate'),
			key: await readNamedFile(context, key, 'key'),
		};
	}
	if (kind === 'token' && files.tokenFile !== undefined)
		return { token: await readPasswordFile(context, files.tokenFile) };
	const username = given.user ?? profile.user;
	// Another user's password is another one.
	const own = given.user === undefined || given.user === profile.user ? profile.passwordFile : undefined;
	const passwordFile = given.passwordFile ?? own;
	if (username !== undefined && passwordFile !== undefined)
		return { username, password: await readPasswordFile(context, passwordFile) };
	const missing = username === undefined ? 'no user name' : `no password for ${username}`;
	throw hinted(
		new BimetalError('NotLoggedIn', `not logged in to hil: ${missing}`, { status: 401 }),
		`${commandName(context)} hil login URL --user NAME, or --user NAME --password-file FILE here`,
	);
}

const kindsOf = (files: HilCredentialFiles): ('password' | 'certificate' | 'token')[] => [
	...(files.passwordFile === undefined ? [] : (['password'] as const)),
	...(files.certificate === undefined && files.key === undefined ? [] : (['certificate'] as const)),
	...(files.tokenFile === undefined ? [] : (['token'] as const)),
];
