import { z } from 'zod';

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);

/** One party's policy as it was evaluated for a decision. */
const policyRecord = z.strictObject({
	party: z.string(),
	operation: z.string(),
	expression: z.string(),
	holds: z.boolean(),
	reason: z.string(),
});

/**
 * What goes on the record. Never a body, a password or a token: bodies may hold secrets, and what was decided on is
 * named by its digest.
 */
export const auditRecord = z.discriminatedUnion('kind', [
	z.strictObject({ kind: z.literal('start'), version: z.string() }),
	z.strictObject({ kind: z.literal('stop'), reason: z.string() }),
	z.strictObject({
		kind: z.literal('policies'),
		/** Null when they could not be read at all. */
		version: z.string().nullable(),
		outcome: z.enum(['loaded', 'refused']),
		problems: z.array(z.string()),
	}),
	z.strictObject({
		kind: z.literal('login'),
		/** Null when the name given is nobody's: what was typed there may be a password. */
		operator: z.string().nullable(),
		outcome: z.string(),
		/** The client's address. */
		from: z.string(),
	}),
	z.strictObject({
		kind: z.literal('decision'),
		/** Of a request that waits or has waited; null for one decided at once. */
		requestId: z.string().nullable(),
		operator: z.string(),
		party: z.string(),
		bmc: z.string(),
		method: z.string(),
		path: z.string(),
		operations: z.array(z.string()),
		verdict: z.enum(['execute', 'wait', 'deny']),
		clause: z.string().nullable(),
		policyVersion: z.string(),
		digest: hexDigest.nullable(),
		policies: z.array(policyRecord),
		/** HTTP status of the answer where the decision is the answer. */
		status: z.int().nullable(),
	}),
	z.strictObject({
		kind: z.literal('approval'),
		requestId: z.string(),
		operator: z.string(),
		party: z.string(),
		decision: z.enum(['approve', 'deny', 'withdraw', 'expire']),
		digest: hexDigest,
		comment: z.string().nullable(),
	}),
	z.strictObject({
		kind: z.literal('answer'),
		requestId: z.string().nullable(),
		bmc: z.string(),
		status: z.int(),
		/** Milliseconds from the decision to the BMC's answer. */
		tookMs: z.number(),
	}),
]);

/** Taken as it is: who appends one must not change it afterwards, nor need to. */
export type AuditRecord = DeepReadonly<z.infer<typeof auditRecord>>;

type DeepReadonly<T> = T extends readonly (infer E)[]
	? readonly DeepReadonly<E>[]
	: T extends object
		? { readonly [K in keyof T]: DeepReadonly<T[K]> }
		: T;
