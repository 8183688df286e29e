import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { baseline } from '../judge/baseline.ts';
import { refusalMeanings } from '../outcome.ts';
import { base64, hilName, moment, sha256 } from './names.ts';

export const standardVerdict = z.strictObject({
	verdict: z.enum(['met', 'missed', 'untold']),
	reason: z.string().nullable(),
});

/** Why an admission came to nothing: what evidence was refused for, or one of these. */
const cause = z.strictObject({
	code: z.enum([
		...(Object.keys(refusalMeanings) as (keyof typeof refusalMeanings)[]),
		'Silent',
		'Withdrawn',
	]),
	reason: z.string(),
	/**
	 * What the site's own policy makes of the very evidence that was refused: `met`, then it is the project's policy alone that
	 * refuses it; or `missed`, and why. `untold`: it was not asked. Absent where there is none.
	 */
	standard: standardVerdict.optional(),
});
export type Cause = z.output<typeof cause>;

/** The keys of a node for one admission: they never change. */
export const keys = z.strictObject({
	registration: z.string(),
	/** TPM2B_PUBLIC, in base64. */
	ek: base64(2048),
	ak: base64(2048),
	/** DER, in base64. */
	ekCertificate: base64(8192),
	/** SubjectPublicKeyInfo in DER, in base64: what secrets for the node are encrypted to. */
	nodeKey: base64(2048),
});
export type Keys = z.output<typeof keys>;

const base = {
	node: hilName,
	project: hilName,
	/** Digest of the policy's text, which stays this one; null: the boot is taken as a reference, and judged by nothing. */
	policy: sha256.nullable(),
	policyName: z.string().nullable(),
	/** Digest of the site's own policy: by it, too, the evidence that is refused first is judged. */
	standard: sha256.optional(),
	/** Milliseconds from one quote to the next, and for which a good one counts. */
	interval: z.int().min(100),
	lease: z.int().min(100),
	askedAt: moment,
	askedBy: z.string(),
	/** Records of evidence so far. */
	records: z.int().min(0),
	/** Of those, what nobody's TPM had signed. */
	strays: z.int().min(0),
	/** What was refused last of what no TPM of this node had signed. */
	stray: cause.nullable(),
};
const after = { keys: keys.nullable(), endedAt: moment };

const admission = z.discriminatedUnion('state', [
	/** For the node's first evidence, until then. */
	z.strictObject({ state: z.literal('waiting'), ...base, until: moment }),
	/** Until then, or the next good evidence. */
	z.strictObject({ state: z.literal('attested'), ...base, keys, baseline, since: moment, until: moment }),
	z.strictObject({ state: z.literal('rejected'), ...base, ...after, cause }),
	z.strictObject({ state: z.literal('revoked'), ...base, ...after, cause }),
	z.strictObject({ state: z.literal('learnt'), ...base, ...after }),
	z.strictObject({ state: z.literal('ended'), ...base, ...after }),
]);
export type Admission = z.output<typeof admission>;
export type OpenAdmission = Extract<Admission, { state: 'waiting' | 'attested' }>;

export const isOpen = (document: Admission): document is OpenAdmission =>
	document.state === 'waiting' || document.state === 'attested';

/** In which second something falls due. */
export const secondOf = (at: number): string => String(Math.floor(at / 1000));

/** Whether, and by what policy, a node was let into a project, from one asking to its end. */
export const admissions = defineCollection('admissions', admission, {
	project: document => document.project,
	open: document => (isOpen(document) ? 'yes' : undefined),
	node: document => (isOpen(document) ? document.node : undefined),
	due: document => (isOpen(document) ? secondOf(document.until) : undefined),
	policy: ({ policy, standard }) => [policy, standard].filter(digest => typeof digest === 'string'),
});
