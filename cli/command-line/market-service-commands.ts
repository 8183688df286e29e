import type { Command } from 'commander';
import type { SimulateOptions } from '../commands/market-simulate.ts';
import { commandName } from '../context.ts';
import { usageError } from '../failure.ts';
import { positiveInteger, withExamples, withJson } from './options.ts';
import type { Registration } from './registration.ts';

/** The service itself, and the simulation of one. */
export function addMarketService(program: Command, { context, run }: Registration): void {
	const bimetal = commandName(context);
	const market = program
		.command('market')
		.summary('Start the market alone; simulate one')
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
	withExamples(market, [`${bimetal} market -c market.yaml`, `${bimetal} market simulate slides`]);
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
