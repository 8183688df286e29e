import { z } from 'zod';

const hexDigest = z.string().regex(/^[0-9a-f]{64}$/);

/** One party's policy as it was evaluated for a decision. */
const policyRecord = z.strictObject({
	party: z.string(),
	operation: z.string(),
	expression: z.string(),
	holds: z.boolean(),
	reason: z.string(),
	/** What its expressions came to, as JSON texts, cut when they are long; absent when it read nothing. */
	values: z.array(z.strictObject({ expression: z.string(), value: z.string() })).optional(),
});

/** A request that would change something, see request-text.ts; what looks like a credential is replaced. */
const changeRecord = z.strictObject({
	/** JSON, cut when it is long; null without a JSON body. */
	body: z.string().nullable(),
	contentType: z.string().nullable(),
	/** Names of its query options. */
	query: z.array(z.string()),
	/** Bytes of the body; of an upload, of its parameters. */
	size: z.int(),
	/** An uploaded image. */
	image: z.strictObject({ sha256: z.string(), size: z.int(), fileName: z.string().nullable() }).optional(),
});

/** What goes on the record. Never a password or a token, as far as their names tell; never an answer's body. */
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
		/** Of what waits what its approvals name; of a change decided at once see request-text.ts; null for reads. */
		digest: hexDigest.nullable(),
		/** Absent for reads. */
		request: changeRecord.optional(),
		policies: z.array(policyRecord),
		/** HTTP status of the answer where the decision is the answer. */
		status: z.int().nullable(),
		/** The break-glass window that let it through against what the table asks; absent otherwise. */
		breakGlass: z.string().optional(),
	}),
	z.strictObject({
		kind: z.literal('approval'),
		requestId: z.string(),
		operator: z.string(),
		party: z.string(),
		decision: z.enum(['approve', 'deny', 'withdraw', 'expire']),
		digest: hexDigest,
		comment: z.string().nullable(),
		/** As its operator signed it, and the signature: not even the proxy's owner can have made it. */
		statement: z.string().optional(),
		signature: z.string().optional(),
	}),
	z.strictObject({
		kind: z.literal('answer'),
		requestId: z.string().nullable(),
		/** The number of the decision's record, for what was decided at once. */
		decision: z.int().optional(),
		bmc: z.string(),
		status: z.int(),
		/** Milliseconds from the decision to the BMC's answer. */
		tookMs: z.number(),
		/** The proxy had stopped before it knew: the change may have been executed, or not. */
		outcome: z.literal('unknown').optional(),
	}),
	/** A step of a change to the policies, the table or the agreement; see docs/governance.md. */
	z.strictObject({
		kind: z.literal('governance'),
		action: z.enum(['propose', 'approve', 'deny', 'withdraw', 'expire', 'take']),
		/** Of a change that waits or has waited; null for a party's own and for what the folder held. */
		change: z.string().nullable(),
		/** The parts that change: `common`, or a party's name. */
		scopes: z.array(z.string()),
		/** Null when it came by the policy folder, or by time. */
		operator: z.string().nullable(),
		party: z.string().nullable(),
		/** The policy version that it replaces, and the one that it makes. */
		replaces: z.string().nullable(),
		version: z.string(),
		digest: hexDigest.nullable(),
		/** The party's signature over the manifest, where the step brought one: nobody else can have made it. */
		signature: z.string().nullable(),
		comment: z.string().nullable(),
	}),
	/** A window in which one party's authorization is enough. */
	z.strictObject({
		kind: z.literal('break-glass'),
		action: z.enum(['open', 'end']),
		id: z.string(),
		/** Whose window it is. */
		party: z.string(),
		/** Who opened or ended it; null when its time or its uses were over. */
		operator: z.string().nullable(),
		reason: z.string(),
		operations: z.array(z.string()),
		/** Milliseconds since the epoch. */
		until: z.int(),
		/** Requests executed under it. */
		uses: z.int(),
		signature: z.string().nullable(),
	}),
	/** What the site's owner did at the console of the proxy's host: to a BMC, or with a backup. */
	z.strictObject({
		kind: z.literal('console'),
		action: z.enum(['enrol', 'release', 'backup', 'restore']),
		outcome: z.enum(['begun', 'done', 'failed']),
		/** Null for what concerns the whole site. */
		bmc: z.string().nullable(),
		/** The host's user who did it, as the system names them, and when: it may be recorded later. */
		by: z.string(),
		at: z.iso.datetime(),
		detail: z.array(z.string()),
	}),
	/** From `since` until this record nothing could be recorded, and nothing that needs a record was done. */
	z.strictObject({
		kind: z.literal('outage'),
		reason: z.string(),
		since: z.iso.datetime(),
		/** Records that were refused meanwhile. */
		refused: z.int(),
	}),
	/** The time of day jumped against the time that passed: by so many milliseconds, forward when positive. */
	z.strictObject({ kind: z.literal('clock'), jumpedMs: z.int() }),
	/** Who has to wait after wrong passwords, and who was let in again. */
	z.strictObject({
		kind: z.literal('lockout'),
		action: z.enum(['lock', 'unlock']),
		/** Null when the name given is nobody's: what was typed there may be a password. */
		operator: z.string().nullable(),
		party: z.string().nullable(),
		/** The client's address, or the /64 of it; null: wherever the operator has not logged in from before. */
		from: z.string().nullable(),
		failures: z.int(),
		/** Milliseconds since the epoch; null when it has ended. */
		until: z.int().nullable(),
		/** The operator who unlocked it. */
		by: z.string().nullable(),
	}),
	/** A stream of events that a client opened, or a subscription to have them pushed; see docs/events.md. */
	z.strictObject({
		kind: z.literal('events'),
		action: z.enum(['follow', 'end', 'subscribe', 'change', 'unsubscribe', 'suspend', 'resume']),
		id: z.string(),
		bmc: z.string(),
		/** Null when nobody did it: a receiver that did not answer, a client that went away. */
		operator: z.string().nullable(),
		/** Whose stream or subscription it is. */
		party: z.string(),
		/** Why it ended, or where the events go: scheme, host and port. */
		detail: z.string(),
	}),
	/** What an operator changed of the proxy's own session service: how long its party's sessions last, or a session ended. */
	z.strictObject({
		kind: z.literal('sessions'),
		action: z.enum(['set-timeout', 'end']),
		operator: z.string(),
		party: z.string(),
		/** Of `set-timeout`: seconds. */
		timeout: z.int().nullable(),
	}),
	/** A console of a BMC that was opened, watched or ended; see docs/consoles.md. */
	z.strictObject({
		kind: z.literal('console-session'),
		action: z.enum(['open', 'watch', 'unwatch', 'end']),
		id: z.string(),
		bmc: z.string(),
		path: z.string(),
		console: z.enum(['serial', 'kvm', 'media']),
		/** Whose session it is; of `watch` and `unwatch`: who looks on. */
		operator: z.string(),
		party: z.string(),
		/** Of a session that others had to agree to. */
		requestId: z.string().nullable(),
		clause: z.string().nullable(),
		approvedBy: z.array(z.strictObject({ operator: z.string(), party: z.string() })),
		/** Null while it goes on, and when nobody of the site ended it. */
		endedBy: z.strictObject({ operator: z.string(), party: z.string() }).nullable(),
		reason: z.string().nullable(),
		/** Bytes from the operator to the BMC, and from the BMC. */
		bytesIn: z.int(),
		bytesOut: z.int(),
		/** Milliseconds that it was open. */
		tookMs: z.number(),
		/** What was kept of it; `complete` is false when it grew too long, or the proxy died. */
		transcript: z.strictObject({ sha256: hexDigest, bytes: z.int(), complete: z.boolean() }).nullable(),
	}),
	/** The transcript of a console session that had been kept for as long as the site file says. */
	z.strictObject({
		kind: z.literal('transcript-deleted'),
		/** Of the session. */
		id: z.string(),
		/** Milliseconds since it ended, at least. */
		olderThanMs: z.int(),
	}),
	/** Ways into an enrolled BMC beside the proxy: whenever another set of them is found open. */
	z.strictObject({
		kind: z.literal('doors'),
		bmc: z.string(),
		state: z.enum(['shut', 'open', 'unknown']),
		open: z.array(z.string()),
		/** The operator who had sessions on the BMC ended; null for what the proxy's own check found. */
		operator: z.string().nullable(),
	}),
]);

/** Taken as it is: who appends one must not change it afterwards, nor need to. */
export type AuditRecord = DeepReadonly<z.infer<typeof auditRecord>>;

type DeepReadonly<T> = T extends readonly (infer E)[]
	? readonly DeepReadonly<E>[]
	: T extends object
		? { readonly [K in keyof T]: DeepReadonly<T[K]> }
		: T;
