import { type Played, type Regime, regimes } from './play.ts';
import { type PlayTask, playAll } from './plays.ts';
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

/** How far a simulation has come. */
export interface SimulationProgress {
	/** Plays that are over, of how many: each way of sharing, for each seed. */
	readonly over: number;
	readonly plays: number;
	/** Those that are under way, and the days that each has behind it, of how many. */
	readonly running: readonly { readonly regime: Regime; readonly seed: string; readonly day: number }[];
	readonly days: number;
	/** Of all days of all plays, from 0 to 1. */
	readonly share: number;
}

/**
 * Plays a scenario (a name or a file) through in each of the three ways of sharing, for each seed. The same seeds make the same
 * simulation, to the letter. `onDay` is told after each day of each play.
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
		readonly onDay?: (progress: SimulationProgress) => void;
	},
): Promise<Simulation> {
	const read = readScenario(name);
	const scenario = { ...read, days: Math.min(days ?? read.days, read.days) };
	// What takes longest begins first: the others fill the processors that are left.
	const tasks = regimes.toReversed().flatMap(regime => seeds.map(seed => ({ scenario, regime, seed })));
	const { days: all } = scenario;
	const behind = new Map<PlayTask, number>();
	const played = await playAll(tasks, {
		signal,
		onDay(task, day) {
			behind.set(task, day);
			const begun = [...behind];
			onDay({
				over: begun.filter(([, each]) => each === all).length,
				plays: tasks.length,
				running: begun
					.filter(([, each]) => each < all)
					.map(([{ regime, seed }, each]) => ({ regime, seed, day: each })),
				days: all,
				share: begun.reduce((sum, [, each]) => sum + each, 0) / (tasks.length * all),
			});
		},
	});
	const byRegime: Played[][] = regimes.map(regime => played.filter(each => each.regime === regime));
	const summary = summarise(scenario, seeds, byRegime);
	return {
		summary,
		page: reportPage(summary, byRegime),
		problems: byRegime.flatMap(runs =>
			runs.flatMap(({ regime, problems }, n) => problems.map(each => `${regime}, seed ${seeds[n]}: ${each}`)),
		),
	};
}
