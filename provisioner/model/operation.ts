import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { hilName, moment } from './names.ts';

/** A stage that was begun: when, and when it was over. */
const stage = z.strictObject({ name: z.string(), beganAt: moment, endedAt: moment.nullable() });

const base = {
	/** Which stages it has: see operation/kinds.ts. */
	kind: z.string(),
	project: hilName,
	/** Who asked. */
	asker: z.string(),
	/** What it is about. */
	image: z.string().nullable(),
	disk: z.string().nullable(),
	node: hilName.nullable(),
	/** What was asked for, and what stages leave for later ones. */
	input: z.record(z.string(), z.json()),
	output: z.record(z.string(), z.json()),
	stages: z.array(stage),
	/** Of the stage that is under way, in its own unit; total null: not known. */
	progress: z.strictObject({ done: z.number(), total: z.number().nullable() }).nullable(),
	/** Faults since the last stage was over, and what went wrong last. */
	attempts: z.int().min(0),
	error: z.string().nullable(),
	/** What the stage that is under way waits for, where that is somebody's word. */
	note: z.string().nullable().default(null),
	/** Goes up with everything that is recorded of it. */
	revision: z.int().min(0).default(0),
	askedAt: moment,
	/** When its node has fetched its configuration, mostly after the end. */
	configuredAt: moment.nullable().default(null),
};
/** Why it comes to nothing, and the stage that was under way then. */
const failure = { reason: z.string(), during: z.string().nullable().default(null) };
const operation = z.discriminatedUnion('status', [
	z.strictObject({ status: z.literal('PENDING'), ...base }),
	/** It comes to nothing; what was done is being undone. */
	z.strictObject({ status: z.literal('UNDOING'), ...base, ...failure }),
	z.strictObject({ status: z.literal('DONE'), ...base, endedAt: moment }),
	/** Everything is as before. */
	z.strictObject({ status: z.literal('FAILED'), ...base, ...failure, endedAt: moment }),
]);
/** Slow work, journalled: each stage can be repeated, and undone. */
export type Operation = z.output<typeof operation>;
export type OpenOperation = Extract<Operation, { status: 'PENDING' | 'UNDOING' }>;

const isOpen = ({ status }: Operation): boolean => status === 'PENDING' || status === 'UNDOING';

export const operations = defineCollection('operations', operation, {
	project: document => document.project,
	open: document => (isOpen(document) ? 'yes' : undefined),
	/** What is being worked on, so that nothing else is done to it meanwhile. */
	subject: document =>
		isOpen(document)
			? [document.image, document.disk, document.node && `node ${document.node}`].filter(
					each => each !== null,
				)
			: undefined,
	status: document => document.status,
});
