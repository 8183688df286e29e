import { resolve } from 'node:path';
import { z } from 'zod';
import { existingFile, secretFile } from '../../common/config/values.ts';

const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(host);

/** What run-agent.ts is told. Relative paths count from the file's folder. */
export function settingsSchema(folder: string) {
	/** A file that another program writes, and that is read at each look. */
	const written = z
		.string()
		.min(1)
		.transform(path => resolve(folder, path));
	const common = {
		market: z
			.url({ protocol: /^https?$/ })
			.refine(
				text =>
					!URL.canParse(text) || new URL(text).protocol === 'https:' || isLoopback(new URL(text).hostname),
				'passwords would cross the network: give https, or an address of loopback',
			),
		ca: existingFile(folder).optional(),
		username: z.string().min(1),
		/** A file that has it and that others cannot read. */
		password: secretFile(folder),
		project: z.string().min(1),
		/** The project's own servers. */
		servers: z.array(z.string()),
		/** Servers in one offer. */
		block: z.int().min(1).default(1),
		/** Seconds that they are leased for at least. */
		shortest: z.int().min(1).default(3600),
		/** Microcredits for a second of a server: asked for to begin with, asked for at least, bid at most. */
		opening: z.int().min(1),
		floor: z.int().min(1),
		worth: z.int().min(1),
		/** Seconds after which servers that are recalled are back. */
		notice: z.int().min(0).default(3600),
		/** Seconds from one look at the market to the next. */
		every: z.int().min(1).default(300),
	};
	const jobs = { ...common, jobs: written };
	return z.discriminatedUnion('agent', [
		z.strictObject({ agent: z.literal('hpc'), ...common, most: z.int().min(1) }),
		z.strictObject({
			agent: z.literal('openstack'),
			...common,
			/** A file with the number of servers that its users need now. */
			demand: written,
			headroom: z.number().min(0).max(10),
		}),
		z.strictObject({ agent: z.literal('lab'), ...jobs }),
		z.strictObject({ agent: z.literal('researchers'), ...jobs, model: z.string().min(1) }),
		z.strictObject({ agent: z.literal('emergency'), ...jobs, reserve: z.int().min(0) }),
		z.strictObject({ agent: z.literal('compliance'), ...jobs, attestations: z.array(z.string()) }),
	]);
}

export type Settings = z.output<ReturnType<typeof settingsSchema>>;
