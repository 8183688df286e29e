import type { Job, JobQueue } from '../agents/agent.ts';
import type { Participant, Scenario } from './scenario.ts';

const hour = 3600;
const day = 24 * hour;

/** Numbers from 0 up to 1 by a seed: always the same for the same (Lehmer's generator, as Park and Miller 1988 have it). */
export function createRandom(seed: string): () => number {
	let state = 1;
	for (const letter of seed) state = (state * 31 + (letter.codePointAt(0) ?? 0)) % 2_147_483_646;
	state++;
	const next = (): number => {
		state = (state * 48_271) % 2_147_483_647;
		return state / 2_147_483_647;
	};
	// Seeds that are alike begin alike.
	for (let n = 0; n < 10; n++) next();
	return next;
}

export interface PlannedJob extends Job {
	/** When its project knows of it. */
	readonly known: number;
}

interface Frame extends Pick<Scenario, 'step' | 'days'> {
	/** Seconds since the epoch. */
	readonly from: number;
	readonly random: () => number;
}

const between = (random: () => number, [least, most]: readonly [number, number]): number =>
	Math.round(least + random() * (most - least));

/** The jobs that a participant will have, in the order in which they become known; none for those who have a load instead. */
export function plannedJobs(of: Participant, { from, step, days, random }: Frame): PlannedJob[] {
	const jobs: PlannedJob[] = [];
	const whole = (seconds: number): number => Math.ceil(seconds / step) * step;
	const end = from + days * day;
	function add(known: number, earliest: number, servers: number, length: number, slack: number): void {
		const begin = from + whole(Math.max(0, earliest - from));
		if (begin + whole(length * hour) > end) return;
		jobs.push({
			id: `${of.project}-${jobs.length}`,
			known: Math.max(from, known),
			earliest: begin,
			latest: begin + whole(slack * hour),
			servers,
			length: whole(length * hour),
		});
	}
	/** So many a day in the mean, at times that have nothing to do with each other (Poisson). */
	function arrive(rate: (at: number) => number, most: number, job: (at: number) => void): void {
		for (let at = from; most > 0; ) {
			at += (-Math.log(1 - random()) / most) * day;
			if (at >= end) return;
			if (random() * most < rate(at)) job(at);
		}
	}
	switch (of.kind) {
		case 'lab':
			for (let at = from + of.every * day; at < end; at += of.every * day) {
				const begin = at + (random() * 6 - 3) * day;
				add(begin - of.known * hour, begin, of.campaign, of.length, of.slack);
			}
			break;
		case 'researchers': {
			const isRush = (at: number): boolean =>
				of.deadlines.some(each => at < from + each * day && from + (each - 28) * day <= at);
			const rate = (at: number): number => of.rate * (isRush(at) ? of.rush : 1);
			arrive(rate, of.rate * of.rush, at =>
				add(at, at, between(random, of.experiment), between(random, of.length), of.slack),
			);
			break;
		}
		case 'compliance':
			arrive(
				() => of.rate,
				of.rate,
				at => add(at, at, between(random, of.size), between(random, of.length), of.slack),
			);
			break;
		case 'emergency': {
			const times = Array.from({ length: of.emergencies }, () => from + random() * days * day);
			for (const at of times.sort((a, b) => a - b)) add(at, at, of.size, of.length, of.slack);
			break;
		}
		case 'hpc':
		case 'openstack':
			break;
		default:
			of satisfies never;
	}
	return jobs.sort((a, b) => a.known - b.known);
}

/** How many servers a cloud's users need at each step: a wave of a day, weekends, and peaks. */
export function cloudLoad(
	of: Participant & { readonly kind: 'openstack' },
	{ from, step, days, random }: Frame,
): (now: number) => number {
	const steps = Math.ceil((days * day) / step) + 1;
	const peaks = Array.from({ length: Math.round((of.peaks * days) / 7) }, () => {
		const start = from + random() * days * day;
		return { start, end: start + (2 + random() * 6) * hour };
	});
	const load = Array.from({ length: steps }, (_, n) => {
		const at = from + n * step;
		const wave = (1 - Math.cos((2 * Math.PI * (at % day)) / day)) / 2;
		const weekday = new Date(at * 1000).getUTCDay();
		const daily = of.day * wave * (weekday === 0 || weekday === 6 ? of.weekend : 1);
		const peak = peaks.some(({ start, end }) => start <= at && at < end) ? of.peak : 0;
		return Math.round(of.servers * (of.base + daily + peak) * (0.95 + 0.1 * random()));
	});
	return now => load[Math.floor((now - from) / step)] ?? 0;
}

export interface Tally {
	/** Jobs that have begun, with the seconds from when they could have until then; and those that never did. */
	readonly waited: number[];
	lost: number;
}

/** The queue of jobs that become known as time goes by. */
export function createQueue(jobs: readonly PlannedJob[]): {
	readonly queue: JobQueue;
	readonly tally: Tally;
} {
	const tally: Tally = { waited: [], lost: 0 };
	const open = new Map<string, PlannedJob>();
	let next = 0;
	return {
		tally,
		queue: {
			waiting(now) {
				for (let job = jobs[next]; job && job.known <= now; job = jobs[++next]) open.set(job.id, job);
				return [...open.values()];
			},
			begin(job, now) {
				if (open.delete(job.id)) tally.waited.push(now - job.earliest);
			},
			giveUp(job) {
				if (open.delete(job.id)) tally.lost++;
			},
		},
	};
}
