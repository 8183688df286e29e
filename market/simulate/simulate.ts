import { type Played, play, regimes } from './play.ts';
import { reportPage } from './report.ts';
import { readScenario } from './scenario.ts';
import { type Summary, summarise } from './summary.ts';

export interface Simulation {
	readonly summary: Summary;
	/** The report as a page of HTML. */
	readonly page: string;
	/** What is wrong with the books; nothing, in a sound market. */
	readonly problems: readonly string[];
}

/**
 * Plays a scenario (a name or a file) through in each of the three ways of sharing. The same seed makes the same simulation, to the
 * letter. `onDay` is told the way and the day, and gives others their turn.
 * @throws ConfigError that says everything that is wrong with the scenario
 */
export async function simulate(
	name: string,
	{
		seed,
		days,
		onDay = () => undefined,
	}: {
		readonly seed: string;
		/** Fewer than the scenario has. */
		readonly days?: number | undefined;
		readonly onDay?: (regime: string, day: number, days: number) => Promise<void> | void;
	},
): Promise<Simulation> {
	const read = readScenario(name);
	const scenario = { ...read, days: Math.min(days ?? read.days, read.days) };
	const all: Played[] = [];
	for (const regime of regimes)
		all.push(await play(scenario, regime, seed, day => onDay(regime, day, scenario.days)));
	const summary = summarise(scenario, seed, all);
	return {
		summary,
		page: reportPage(summary, all),
		problems: all.flatMap(({ regime, problems }) => problems.map(each => `${regime}: ${each}`)),
	};
}
