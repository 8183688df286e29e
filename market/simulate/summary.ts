import type { Played, Regime } from './play.ts';
import type { Scenario } from './scenario.ts';

/** What a simulation came to, for people and programs. Nothing in it depends on the machine or the day. */
export interface Summary {
	readonly scenario: string;
	readonly seed: string;
	readonly start: string;
	readonly days: number;
	readonly regimes: readonly RegimeSummary[];
}

export interface RegimeSummary {
	readonly regime: Regime;
	/** Credits that all servers at work were worth to those who had them: the objective. */
	readonly value: number;
	/** Share of all servers' time. */
	readonly utilisation: number;
	readonly leases: number;
	readonly participants: readonly {
		readonly project: string;
		readonly servers: number;
		/** Servers at work, in the mean. */
		readonly busy: number;
		readonly value: number;
		readonly jobs: JobSummary | null;
		/** At the end; null where credits have no meaning. */
		readonly credits: number | null;
	}[];
}

export interface JobSummary {
	readonly begun: number;
	/** Never began in time. */
	readonly lost: number;
	/** Hours from when a job could have begun until it did, of those that began: the mean, and of nine in ten at most. */
	readonly meanWait: number;
	readonly p90Wait: number;
}

const day = 86_400;
const hour = 3600;

export function summarise({ name, start, days }: Scenario, seed: string, all: readonly Played[]): Summary {
	return {
		scenario: name,
		seed,
		start,
		days,
		regimes: all.map(({ regime, participants, utilisation, leases }) => ({
			regime,
			value: participants.reduce((sum, { value }) => sum + value, 0) / 1e6,
			utilisation: utilisation.reduce((sum, each) => sum + each, 0) / days,
			leases,
			participants: participants.map(({ project, servers, served, value, jobs, credits }) => ({
				project,
				servers,
				busy: served / (days * day),
				value: value / 1e6,
				jobs: jobs ? jobSummary(jobs) : null,
				credits: regime === 'market' ? (credits.at(-1) ?? 0) : null,
			})),
		})),
	};
}

function jobSummary({
	begun,
	lost,
	waited,
}: {
	readonly begun: number;
	readonly lost: number;
	readonly waited: readonly number[];
}): JobSummary {
	const sorted = waited.toSorted((a, b) => a - b);
	const mean = sorted.reduce((sum, each) => sum + each, 0) / Math.max(1, sorted.length);
	const p90 = sorted[Math.max(0, Math.ceil(sorted.length * 0.9) - 1)] ?? 0;
	return { begun, lost, meanWait: mean / hour, p90Wait: p90 / hour };
}
