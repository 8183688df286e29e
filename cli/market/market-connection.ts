import { createMarketClient, type MarketClient } from '../../market/client.ts';
import { type CliContext, commandName } from '../context.ts';
import type { HilOptions } from '../hil/hil-connection.ts';
import { chooseService, soleProject, withClient } from '../hil/service-connection.ts';

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
	const { url, credential, ca, suffix } = await chooseService(context, options, 'market');
	const bimetal = commandName(context);
	const client = createMarketClient({ url, ...credential, ca, signal: context.interruption() });
	return withClient(client, `${bimetal} bid list${suffix}, ${bimetal} lease list${suffix}`, () =>
		work(client, suffix),
	);
}

/** The project that is named, or the only one. */
export const projectOf = (client: MarketClient, { project }: MarketOptions): Promise<string> =>
	soleProject(project, async () => (await client.me()).projects);
