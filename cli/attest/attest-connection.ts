import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { BasicCredential, JsonClientOptions } from '../../common/http/json-client.ts';
import { readNamedFile, readPasswordFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted } from '../failure.ts';
import { checkedUrl, findProfile, type HilOptions } from '../hil/hil-connection.ts';
import { chooseService, namedUrl, whichService } from '../hil/service-connection.ts';

/** The options that say which registrar and verifier, and as whom: a user of hil, or of the service's own. */
export interface AttestOptions extends HilOptions {
	readonly attest?: string;
}

/** What a client is made with, by options, environment or hil's profile, in this order. */
export async function attestAccount(context: CliContext, options: AttestOptions): Promise<JsonClientOptions> {
	const signal = context.interruption();
	const own = await ownCredential(context, options);
	if (own) return { ...(await ownService(context, options)), credential: own, signal };
	const { url, credential, ca } = await chooseService(context, options, 'attest').catch(fault => {
		throw namesBoth(context, options, fault);
	});
	return { url, credential, ca, signal };
}

/** Where it is for who has an account there: nothing of hil's has to be known. */
async function ownService(context: CliContext, options: AttestOptions) {
	const named = namedUrl(context, options, 'attest');
	const profile = named === undefined ? await findProfile(context, options) : undefined;
	const url = named ?? profile?.attest;
	if (url === undefined) throw whichService(context, 'attest');
	const file = options.ca ?? context.env.BIMETAL_ATTEST_CA;
	const ca = file === undefined ? profile?.ca : await readNamedFile(context, file, 'CA certificate');
	return { url: checkedUrl(url), ca };
}

/** Of who is not logged in: the service may know hil's users, or accounts of its own. */
function namesBoth(context: CliContext, options: AttestOptions, fault: unknown): unknown {
	const isNobody = fault instanceof BimetalError && fault.code === 'NotLoggedIn';
	if (!isNobody || options.profile !== undefined || options.user !== undefined) return fault;
	const named = namedUrl(context, options, 'attest');
	return hinted(
		new BimetalError('NotLoggedIn', 'not logged in, to hil or to the registrar and verifier', {
			status: 401,
			cause: fault,
		}),
		`${commandName(context)} hil login URL --user NAME${named === undefined ? ' --attest URL' : ''}; or, if the service has accounts of its own, BIMETAL_ATTEST_USER and BIMETAL_ATTEST_PASSWORD_FILE`,
	);
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
