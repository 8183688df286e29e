import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { JsonClientOptions } from '../../common/http/json-client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { checkedUrl, chooseHil, type HilOptions } from './hil-connection.ts';
import type { SiteService } from './hil-profile.ts';

/** The options that say which service of a site, and as which user of hil. */
export type ServiceOptions = HilOptions & Partial<Readonly<Record<SiteService, string>>>;

export interface ServiceAccess {
	readonly url: string;
	readonly credential: NonNullable<JsonClientOptions['credential']>;
	readonly ca: string | undefined;
	/** What to add to a line for it to act as the same user: ` --as red`, or nothing. */
	readonly suffix: string;
}

/** How each is called in questions and refusals, and the port that it has unless somebody chose another. */
const called: Readonly<Record<SiteService, { question: string; refusal: string; port: number }>> = {
	provisioner: {
		question: 'which provisioner?',
		refusal: 'the provisioner takes no client certificates',
		port: 5001,
	},
	attest: {
		question: 'which registrar and verifier?',
		refusal: 'the registrar and the verifier take no client certificates',
		port: 5002,
	},
	market: { question: 'which market?', refusal: 'the market takes no client certificates', port: 5003 },
};

/** The address that is named for this call alone. */
export const namedUrl = (
	{ env }: CliContext,
	options: ServiceOptions,
	service: SiteService,
): string | undefined => options[service] ?? env[`BIMETAL_${service.toUpperCase()}_URL`];

/** Where a service of the site is, and who one is there: by options, environment or hil's profile, in this order. */
export async function chooseService(
	context: CliContext,
	options: ServiceOptions,
	service: SiteService,
): Promise<ServiceAccess> {
	const named = namedUrl(context, options, service);
	const more = named === undefined ? ` --${service} URL` : '';
	const { credential, ca, profile, suffix } = await chooseHil(context, options, more);
	const url = named ?? profile?.[service];
	if (url === undefined) throw whichService(context, service);
	if ('certificate' in credential)
		throw usageError(
			called[service].refusal,
			"--user NAME --password-file FILE, or --token-file FILE: hil's",
		);
	return { url: checkedUrl(url), credential, ca, suffix };
}

/** Nothing says where it is. */
export function whichService(context: CliContext, service: SiteService): Error {
	const { question, port } = called[service];
	const option = `--${service}`;
	return usageError(
		question,
		`${option} https://HOST:${port}, BIMETAL_${service.toUpperCase()}_URL, or '${commandName(context)} hil login … ${option} URL' once`,
	);
}

/** Runs `work` with a client and closes it; who interrupts it is told what to look at. */
export async function withClient<C extends { close(): Promise<void> }, R>(
	client: C,
	afterwards: string,
	work: (client: C) => Promise<R>,
): Promise<R> {
	try {
		return await work(client);
	} catch (error) {
		const isInterrupted = error instanceof BimetalError && error.code === 'Interrupted';
		throw isInterrupted && !('tryNext' in error) ? hinted(error, afterwards) : error;
	} finally {
		await client.close();
	}
}

/** The project that is named, or the only one of the user's. */
export async function soleProject(
	named: string | undefined,
	projects: () => Promise<readonly string[]>,
): Promise<string> {
	if (named !== undefined) return named;
	const own = await projects();
	const [only] = own;
	if (only !== undefined && own.length === 1) return only;
	throw usageError('for which project?', `--project ${own.join(' or --project ') || 'PROJECT'}`);
}
