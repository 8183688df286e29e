import { type Played, regimes } from './play.ts';
import { playAll } from './plays.ts';
import { reportPage } from './report.ts';
import { readScenario } from './scenario.ts';
import { type Summary, summarise } from './summary.ts';

export type { Spread } from './summary.ts';

export interface Simulation {
	readonly summary: Summary;
	/** The report as a page of HTML. */
	readonly page: string;
	/** What is wrong with the books; nothing, in a sound market. */
	readonly problems: readonly string[];
}

/**
 * Plays a scenario (a name or a file) through in each of the three ways of sharing, for each seed. The same seeds make the same
 * simulation, to the letter. `onDay` is told how many days of all have been played.
 * @throws ConfigError that says everything that is wrong with the scenario; the reason of `signal` when it is aborted
 */
export async function simulate(
	name: string,
	{
		seeds,
		days,
		signal,
		onDay = () => undefined,
	}: {
		readonly seeds: readonly string[];
		/** Fewer than the scenario has. */
		readonly days?: number | undefined;
		readonly signal?: AbortSignal;
		readonly onDay?: (played: number, all: number) => void;
	},
): Promise<Simulation> {
	const read = readScenario(name);
	const scenario = { ...read, days: Math.min(days ?? read.days, read.days) };
	// What takes longest begins first: the others fill the processors that are left.
	const tasks = regimes.toReversed().flatMap(regime => seeds.map(seed => ({ scenario, regime, seed })));
	let daysPlayed = 0;
	const played = await playAll(tasks, {
		signal,
		onDay: () => onDay(++daysPlayed, tasks.length * scenario.days),
	});
	const all: Played[][] = regimes.map(regime => played.filter(each => each.regime === regime));
	const summary = summarise(scenario, seeds, all);
	return {
		summary,
		page: reportPage(summary, all),
		problems: all.flatMap(runs =>
			runs.flatMap(({ regime, problems }, n) => problems.map(each => `${regime}, seed ${seeds[n]}: ${each}`)),
		),
	};
}
