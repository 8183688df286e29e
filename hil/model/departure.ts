import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { label, moment } from './label.ts';

/** In this order; each is seen to be so on the device before the next begins. */
export const stages = ['power-off', 'ports', 'boot-device', 'free'] as const;
export type Stage = (typeof stages)[number];

const departure = z.strictObject({
	status: z.enum(['PENDING', 'DONE', 'ERROR']),
	node: label,
	project: label,
	stage: z.enum(stages),
	/** What waits at the proxy for this stage. */
	request: z.string().nullable(),
	/** Whose word that needs, for people. */
	needs: z.string().nullable().default(null),
	/** Changes of ports that this stage waits for. */
	actions: z.array(z.string()),
	askedAt: moment,
	/** How often something went wrong, and what did last. */
	attempts: z.int().min(0),
	error: z.string().nullable(),
});
/** A node on its way out of a project. */
export type Departure = z.output<typeof departure>;
export const departures = defineCollection('departures', departure, { status: ({ status }) => status });
