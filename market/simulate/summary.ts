import type { Played, Regime } from './play.ts';
import type { Scenario } from './scenario.ts';

/** What a simulation came to, for people and programs. Nothing in it depends on the machine or the day. */
export interface Summary {
	readonly scenario: string;
	/** What chance went by: the demand was another one for each. */
	readonly seeds: readonly string[];
	readonly start: string;
	readonly days: number;
	readonly regimes: readonly RegimeSummary[];
}

/** A number as it was over all seeds; with one seed, three times the same. */
export interface Spread {
	readonly mean: number;
	readonly least: number;
	readonly most: number;
}

export interface RegimeSummary {
	readonly regime: Regime;
	/** Credits that all servers at work were worth to those who had them: the objective. */
	readonly value: Spread;
	/** Share of all servers' time. */
	readonly utilisation: Spread;
	readonly leases: Spread;
	readonly participants: readonly {
		readonly project: string;
		readonly servers: number;
		/** Servers at work, in the mean of the time. */
		readonly busy: Spread;
		readonly value: Spread;
		readonly jobs: JobSummary | null;
		/** At the end; null where credits have no meaning. */
		readonly credits: Spread | null;
	}[];
}

export interface JobSummary {
	readonly begun: Spread;
	/** Never began in time. */
	readonly lost: Spread;
	/** Hours from when a job could have begun until it did, of those that began: the mean, and of nine in ten at most. */
	readonly meanWait: Spread;
	readonly p90Wait: Spread;
}

const day = 86_400;
const hour = 3600;

/** `all`: each way of sharing as it went for each seed, in the order of the seeds. */
export function summarise(
	{ name, start, days }: Scenario,
	seeds: readonly string[],
	all: readonly (readonly Played[])[],
): Summary {
	return {
		scenario: name,
		seeds,
		start,
		days,
		regimes: all.flatMap(runs => {
			const [first] = runs;
			if (!first) return [];
			const { regime } = first;
			return {
				regime,
				value: spreadOf(runs, ({ participants }) => sum(participants.map(({ value }) => value)) / 1e6),
				utilisation: spreadOf(runs, ({ utilisation }) => sum(utilisation) / days),
				leases: spreadOf(runs, ({ leases }) => leases),
				participants: first.participants.map(({ project, servers }, n) => {
					const own = runs.flatMap(({ participants }) => participants[n] ?? []);
					const jobs = own.flatMap(each => each.jobs ?? []);
					return {
						project,
						servers,
						busy: spreadOf(own, ({ served }) => served / (days * day)),
						value: spreadOf(own, ({ value }) => value / 1e6),
						jobs: jobs.length > 0 ? jobSummary(jobs) : null,
						credits: regime === 'market' ? spreadOf(own, ({ credits }) => credits.at(-1) ?? 0) : null,
					};
				}),
			};
		}),
	};
}

type Jobs = NonNullable<Played['participants'][number]['jobs']>;

const jobSummary = (runs: readonly Jobs[]): JobSummary => ({
	begun: spreadOf(runs, ({ begun }) => begun),
	lost: spreadOf(runs, ({ lost }) => lost),
	meanWait: spreadOf(runs, ({ waited }) => sum(waited) / Math.max(1, waited.length) / hour),
	p90Wait: spreadOf(runs, ({ waited }) => {
		const sorted = waited.toSorted((a, b) => a - b);
		return (sorted[Math.max(0, Math.ceil(sorted.length * 0.9) - 1)] ?? 0) / hour;
	}),
});

function spreadOf<T>(runs: readonly T[], of: (run: T) => number): Spread {
	const values = runs.map(of);
	return { mean: sum(values) / values.length, least: Math.min(...values), most: Math.max(...values) };
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
