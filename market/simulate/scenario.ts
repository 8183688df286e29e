import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readConfig } from '../../common/config/read-config.ts';
import { projectName } from '../ledger/account.ts';

const count = z.int().min(0).max(10_000);
const hours = z.number().positive().max(8760);
const share = z.number().min(0).max(10);
/** Whole microcredits for a second of a server. */
const price = z.int().min(1).max(1_000_000);
/** From the least to the most, all equally likely. */
const range = (of: z.ZodNumber) =>
	z.tuple([of, of]).refine(([least, most]) => least <= most, 'the least comes first');

const participant = {
	project: projectName,
	/** Servers of its own, all of one model. */
	servers: count.min(1),
	model: z.string().min(1).max(64),
	attests: z.array(z.string().min(1).max(64)).default([]),
	/** What a second of a server at work is worth to it. */
	worth: price,
};
/** Jobs that come by chance: so many a day in the mean, of so many servers and hours, within `slack` hours or never. */
const arrivals = { rate: z.number().min(0).max(100), length: range(hours), slack: hours };

const participants = z.discriminatedUnion('kind', [
	z.strictObject({ kind: z.literal('hpc'), ...participant, most: count }),
	z.strictObject({
		kind: z.literal('openstack'),
		...participant,
		/** Shares of its servers: always needed, more at noon than at midnight, and more in a peak. */
		base: share,
		day: share,
		peak: share,
		/** How much of the daily rise is there at a weekend, and peaks in a week, of 2 to 8 hours. */
		weekend: share,
		peaks: share,
		headroom: share,
	}),
	z.strictObject({
		kind: z.literal('lab'),
		...participant,
		/** Days from one campaign to the next, and hours that it is known ahead. */
		every: z.int().min(1).max(366),
		campaign: count.min(1),
		known: hours,
		length: hours,
		slack: hours,
	}),
	z.strictObject({
		kind: z.literal('researchers'),
		...participant,
		...arrivals,
		/** Days since the start; `rush` times as many jobs come in the four weeks before each. */
		deadlines: z.array(count),
		rush: z.number().min(1).max(100),
		experiment: range(count.min(1)),
	}),
	z.strictObject({
		kind: z.literal('emergency'),
		...participant,
		emergencies: count,
		size: count.min(1),
		length: hours,
		slack: hours,
		reserve: count,
	}),
	z.strictObject({
		kind: z.literal('compliance'),
		...participant,
		...arrivals,
		size: range(count.min(1)),
	}),
]);
export type Participant = z.output<typeof participants>;

const scenario = z
	.strictObject({
		name: z.string().min(1).max(200),
		/** The first day, in UTC. */
		start: z.iso.date(),
		days: z.int().min(1).max(1000),
		/** Seconds from one look of the agents to the next; everything begins and ends at such a moment. */
		step: z.int().min(900).max(86_400),
		notice: z.int().min(0).max(604_800),
		price,
		floor: price,
		grant: z.number().positive().max(10_000),
		/** The same, at the beginning of each later month. */
		allowance: z.number().min(0).max(10_000),
		participants: z.array(participants).min(2).max(20),
	})
	.refine(({ notice, step }) => notice % step === 0, 'notice is a multiple of step')
	.refine(
		({ participants: all }) => new Set(all.map(({ project }) => project)).size === all.length,
		'two participants have the same project',
	);
export type Scenario = z.output<typeof scenario>;

const shipped = ['slides'];

/**
 * The scenario of that name that ships, or of that file.
 * @throws ConfigError that says everything that is wrong with it
 */
export const readScenario = (name: string): Scenario =>
	readConfig({
		file: shipped.includes(name) ? fileURLToPath(new URL(`scenarios/${name}.yaml`, import.meta.url)) : name,
		schema: scenario,
	});
