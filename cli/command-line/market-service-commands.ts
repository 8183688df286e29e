import type { Command } from 'commander';
import type { EventsOptions } from '../commands/market-events.ts';
import type { ServersOptions } from '../commands/market-servers.ts';
import type { SimulateOptions } from '../commands/market-simulate.ts';
import { commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { condition, eventNumber } from '../market/parse.ts';
import { positiveInteger, withExamples, withJson, withMarket } from './options.ts';
import type { Registration } from './registration.ts';

/** The service itself, what it has and what happens there, and the simulation of one. */
export function addMarketService(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const market = program
		.command('market')
		.summary('Start the market alone; see its servers and what happens there; simulate one')
		.description('Starts the market by its site file.')
		.option('-c, --config <file>', 'site file')
		.helpCommand(false)
		.action(
			run(async ({ config }: { config?: string }) => {
				if (config === undefined)
					throw usageError('which site?', `${bimetal} market -c market.yaml, or ${bimetal} market --help`);
				const service = await import('../../market/main.ts');
				await service.main({ config });
				return 0;
			}),
		);
	withExamples(market, [
		`${bimetal} market -c market.yaml`,
		`${bimetal} market servers --offered`,
		`${bimetal} market simulate slides`,
	]);
	const servers = market
		.command('servers')
		.summary('List servers: whose they are, how they are, and what they are offered for')
		.description(
			'Lists servers with the properties that bids can ask for, and the cheapest offer of each that is for you.',
		)
		.option('--where <condition>', 'those with model=R640, memoryGib>=384, … (repeatable)', condition)
		.option('--offered', 'only those that are offered')
		.action(
			run(async (options: ServersOptions) =>
				(await import('../commands/market-servers.ts')).listServers(context, options),
			),
		);
	withExamples(withMarket(servers, 'of this project'), [
		`${bimetal} market servers --offered --where 'memoryGib>=384'`,
		`${bimetal} market servers --json`,
	]);
	const events = market
		.command('events')
		.summary('Show what happened, and follow what happens')
		.description(
			'Shows what happened to offers, and to the bids and leases of your projects, oldest first. Each line ends with its number: ' +
				'--after goes on from there, also after a cut, and leaves nothing out.',
		)
		.option('--follow', 'and what happens from now on, until Ctrl-C; as JSON, a line for each event')
		.option('--after <number>', 'only what came after this one', eventNumber)
		.option('--last <n>', 'only the last so many', positiveInteger)
		.option('--of <id>', 'only of this offer, bid or lease')
		.action(
			run(async (options: EventsOptions) =>
				(await import('../commands/market-events.ts')).showEvents(context, options),
			),
		);
	withExamples(withMarket(events), [
		`${bimetal} market events --last 20 --follow`,
		`${bimetal} market events --follow --json --after 1042 | jq -c 'select(.kind == "lease.active")'`,
	]);
	const simulate = market
		.command('simulate')
		.summary('Play a year of a market through in a minute')
		.description(
			'Plays a scenario through three times, with the same demand: without sharing, first come first served, and on the ' +
				'market. Writes report.html and report.json. The same seed makes the same report; several show what is chance.',
		)
		.argument('<scenario>', "'slides', which ships, or a file")
		.option('--out <folder>', 'where the report goes', 'market-report')
		.option('--seed <text>', 'what chance goes by', '1')
		.option('--seeds <n>', 'play it with so many seeds: the report has means and ranges', positiveInteger, 1)
		.option('--days <n>', 'only so many of its days', positiveInteger)
		.action(
			run(async (name: string, options: SimulateOptions) =>
				(await import('../commands/market-simulate.ts')).simulateMarket(context, name, options),
			),
		);
	withExamples(withJson(simulate), [
		`${bimetal} market simulate slides --seeds 5`,
		`${bimetal} market simulate my-site.yaml --seed 7 --out report --json`,
	]);
}
