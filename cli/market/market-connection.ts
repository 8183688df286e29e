import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createMarketClient, type MarketClient } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import { hinted, usageError } from '../failure.ts';
import { checkedUrl, chooseHil, type HilOptions } from '../hil/hil-connection.ts';

/** The options that say which market, and as which user of hil. */
export interface MarketOptions extends HilOptions {
	readonly market?: string;
	/** For whom; the only project of the user's when absent. */
	readonly project?: string;
}

/**
 * Runs `work` with a client of the market that options, environment or profile name (in this order), and closes it. `suffix` is what
 * to add to a line for it to act as the same user: ` --as red`, or nothing.
 */
export async function withMarket<R>(
	context: CliContext,
	options: MarketOptions,
	work: (client: MarketClient, suffix: string) => Promise<R>,
): Promise<R> {
	const { credential, ca, profile, market } = await chooseHil(context, options);
	const bimetal = commandName(context);
	const url = options.market ?? context.env.BIMETAL_MARKET_URL ?? market;
	if (url === undefined)
		throw usageError(
			'which market?',
			`--market https://HOST:5003, BIMETAL_MARKET_URL, or '${bimetal} hil login … --market URL' once`,
		);
	if ('certificate' in credential)
		throw usageError(
			'the market takes no client certificates',
			"--user NAME --password-file FILE, or --token-file FILE: hil's",
		);
	const client = createMarketClient({
		url: checkedUrl(url),
		...credential,
		ca,
		signal: context.interruption(),
	});
	const named = profile !== undefined && profile !== 'default' && !context.env.BIMETAL_HIL_PROFILE;
	const suffix = named ? ` --as ${profile}` : '';
	try {
		return await work(client, suffix);
	} catch (error) {
		const isInterrupted = error instanceof BimetalError && error.code === 'Interrupted';
		if (isInterrupted && !('tryNext' in error))
			throw hinted(error, `${bimetal} bid list${suffix}, ${bimetal} lease list${suffix}`);
		throw error;
	} finally {
		await client.close();
	}
}

/** The project that is named, or the only one. */
export async function projectOf(client: MarketClient, { project }: MarketOptions): Promise<string> {
	if (project !== undefined) return project;
	const { projects } = await client.me();
	const [only] = projects;
	if (only !== undefined && projects.length === 1) return only;
	throw usageError(
		'for which project?',
		projects.length > 0 ? `--project ${projects.join(' or --project ')}` : '--project PROJECT',
	);
}
