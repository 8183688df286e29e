import { z } from 'zod';
import { standardVerdict } from '../model/admission.ts';
import { hilName, moment } from '../model/names.ts';
import { nicNetwork, stage } from '../model/passage.ts';

export const passage = z.strictObject({
	id: z.string(),
	node: hilName,
	project: hilName,
	networks: z.array(nicNetwork),
	attestation: z.enum(['verifier', 'none']),
	policy: z.string().nullable(),
	payload: z.boolean(),
	state: z.enum([
		...(['passing', 'inside', 'cutting', 'cut', 'rejecting', 'rejected'] as const),
		...(['returning', 'returned', 'left'] as const),
	]),
	stage: stage.nullable(),
	admission: z.string().nullable(),
	origin: hilName.nullable(),
	waits: z.string().nullable(),
	trouble: z.string().nullable(),
	attempts: z.int(),
	code: z.string().nullable(),
	reason: z.string().nullable(),
	standard: standardVerdict.nullable(),
	askedAt: moment,
	askedBy: z.string(),
	endedAt: moment.nullable(),
	history: z.array(z.strictObject({ at: moment, what: z.string() })),
	revision: z.int(),
});
export const passages = z.strictObject({ passages: z.array(passage) });
