import type { Command } from 'commander';
import type { MarketClient } from '../../market/client.ts';
import type { CliContext } from '../context.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { profileHome } from '../profile.ts';
import { typedOptions } from '../typed-options.ts';
import { withMarket } from './market-connection.ts';

/** Milliseconds that a Tab may ask the market. */
const patience = 3000;

/** True for commands that talk to the market. */
export const isOfMarket = (command: Command): boolean =>
	['offer', 'bid', 'lease', 'credits', 'market'].some(
		name => command.name() === name || command.parent?.name() === name,
	) || ['calendar', 'prices'].includes(command.name());

/** Names and ids for an argument or an option's value of a command, by what it is called: `offer`, `lease`, `--server`. */
export async function marketCandidates(
	context: CliContext,
	kind: string,
	words: readonly string[],
	command: Command,
): Promise<readonly string[]> {
	if (kind === 'profile') return hilProfiles.list(profileHome(context));
	const isOfServers = command.name() === 'servers' && kind === 'project';
	const isGift = command.parent?.name() === 'credits' && kind === 'to';
	const ask = isOfServers || isGift ? asks.owner : asks[kind];
	if (!ask) return [];
	const signal = AbortSignal.timeout(patience);
	return withMarket({ ...context, interruption: () => signal }, typedOptions(words), client => ask(client));
}

type Ask = (client: MarketClient) => Promise<readonly string[]>;

const projects: Ask = async client => (await client.me()).projects;
/** Whoever owns servers: nobody is told of all projects there are. */
const owners: Ask = async client => [...new Set((await client.servers()).map(({ owner }) => owner))].sort();
/** To come or running. */
const leases: Ask = async client => (await client.leases()).map(({ id }) => id);
/** Those that are over as well, of each project of one's own. */
const allLeases: Ask = async client => {
	const of = (await projects(client)).map(project => client.leases({ project, all: true }));
	return (await Promise.all(of)).flat().map(({ id }) => id);
};

/** What things happen to. */
const all: Ask = async client =>
	(await Promise.all([client.offers(), client.bids(), client.leases()])).flat().map(({ id }) => id);

const asks: Readonly<Record<string, Ask>> = {
	offer: async client => (await client.offers()).map(({ id }) => id),
	bid: async client => (await client.bids()).map(({ id }) => id),
	lease: leases,
	'same-as': allLeases,
	of: all,
	server: async client => (await client.servers()).map(({ name }) => name),
	project: projects,
	to: owners,
	owner: owners,
};
