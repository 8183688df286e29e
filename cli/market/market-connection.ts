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

/** Runs `work` with a client of the market that options, environment or profile name (in this order), and closes it. */
export async function withMarket<R>(
	context: CliContext,
	options: MarketOptions,
	work: (client: MarketClient) => Promise<R>,
): Promise<R> {
	const { credential, ca, market } = await chooseHil(context, options);
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
	try {
		return await work(client);
	} catch (error) {
		const isInterrupted = error instanceof BimetalError && error.code === 'Interrupted';
		if (isInterrupted && !('tryNext' in error))
			throw hinted(error, `${bimetal} bid list, ${bimetal} lease list`);
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
