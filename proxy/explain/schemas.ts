import { z } from 'zod';

/** A request that nobody makes: what would come of it? */
export const explainBody = z.strictObject({
	bmc: z.string().min(1).max(63),
	method: z.enum(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'WEBSOCKET']),
	/** As the BMC knows it, with or without a query: `/redfish/v1/Systems/system`; a console's: `/console0`. */
	path: z.string().startsWith('/').max(8192),
	ifMatch: z.string().max(1024).optional(),
	body: z.record(z.string(), z.json()).optional(),
	/** The party that asks, instead of the operator's own. */
	as: z.string().max(64).optional(),
});

const term = z.strictObject({
	/** `HSO`: that party has authorized it; `hso`: its policy holds. */
	term: z.string(),
	holds: z.boolean(),
	why: z.string(),
});

const clause = z.strictObject({
	clause: z.string(),
	/** `taken`; `waits`: nothing is missing but authorizations; `fails`; `behind`: it would hold, one before it is taken. */
	outcome: z.enum(['taken', 'waits', 'fails', 'behind']),
	terms: z.array(term),
	/** What would shape the answer when this clause is taken. */
	posts: z.array(z.strictObject({ party: z.string(), rule: z.string() })),
});

const policy = z.strictObject({
	party: z.string(),
	/** `(private)` where the party hides it, `(no policy)`, `(no condition)`. */
	expression: z.string(),
	holds: z.boolean(),
	reason: z.string(),
	values: z.array(z.strictObject({ expression: z.string(), value: z.json(), unit: z.string().optional() })),
});

const row = z.strictObject({
	operation: z.string(),
	/** The pattern that matched. */
	pattern: z.string(),
	/** Of a PATCH: which of the body's properties this row covers. */
	properties: z.array(z.string()).nullable(),
	p2c: z.string(),
	handledBy: z.enum(['bmc', 'proxy']),
	clauses: z.array(clause),
	policies: z.array(policy),
});

export const explanationView = z.strictObject({
	bmc: z.string(),
	method: z.string(),
	path: z.string(),
	as: z.string(),
	policyVersion: z.string(),
	verdict: z.enum(['execute', 'wait', 'deny']),
	/** One sentence. */
	summary: z.string(),
	/** Alternatives: the parties still needed. */
	needs: z.array(z.array(z.string())),
	/** By party in `needs`, where not any operator will do. */
	lacking: z.record(z.string(), z.string()),
	/** Why no row covers it; null when one does. */
	unknown: z.string().nullable(),
	rows: z.array(row),
});

export type ExplainBody = z.infer<typeof explainBody>;
export type ExplanationView = z.infer<typeof explanationView>;
