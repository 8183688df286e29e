import type { BasicCredential, JsonClientOptions } from '../../common/http/json-client.ts';
import { readNamedFile, readPasswordFile } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';
import { checkedUrl, chooseHil, type HilOptions } from '../hil/hil-connection.ts';

/** The options that say which registrar and verifier, and as whom: a user of hil, or of the service's own. */
export interface AttestOptions extends HilOptions {
	readonly attest?: string;
}

/** What a client is made with, by options, environment or hil's profile, in this order. */
export async function attestAccount(context: CliContext, options: AttestOptions): Promise<JsonClientOptions> {
	const { env } = context;
	const url = options.attest ?? env.BIMETAL_ATTEST_URL;
	if (url === undefined)
		throw usageError('which registrar and verifier?', '--attest https://HOST:5003, or BIMETAL_ATTEST_URL');
	const signal = context.interruption();
	const own = await ownCredential(context, options);
	if (own) {
		const file = options.ca ?? env.BIMETAL_ATTEST_CA;
		const ca = file === undefined ? undefined : await readNamedFile(context, file, 'CA certificate');
		return { url: checkedUrl(url), credential: own, ca, signal };
	}
	const { credential, ca } = await chooseHil(context, options);
	if ('certificate' in credential)
		throw usageError(
			'the registrar and the verifier take no client certificates',
			'--user NAME --password-file FILE, or --token-file FILE',
		);
	return { url: checkedUrl(url), credential, ca, signal };
}

/** Of an account of the service's own, or one that needs no profile of hil's. */
async function ownCredential(
	context: CliContext,
	options: AttestOptions,
): Promise<BasicCredential | undefined> {
	const { BIMETAL_ATTEST_USER: user, BIMETAL_ATTEST_PASSWORD_FILE: file } = context.env;
	if (options.profile !== undefined || options.tokenFile !== undefined) return undefined;
	const username = options.user ?? user;
	const passwordFile = options.passwordFile ?? file;
	if (username === undefined || passwordFile === undefined) return undefined;
	return { username, password: await readPasswordFile(context, passwordFile) };
}
