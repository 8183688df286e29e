import { z } from 'zod';

/** What `/p2c/v1` speaks: the management API over which operators look at, approve and deny requests. */
export const operatorView = z.strictObject({ name: z.string(), party: z.string() });

export const requestState = z.enum([
	'waiting', // for the parties in `needs`
	'approved', // a console that all have agreed to: its requester opens it, once, before `expiresAt`
	'executing', // decided; being sent to the BMC
	'executed', // the BMC has answered; see `outcome`
	'denied', // by a party, or by a policy at execution
	'withdrawn', // by its requester
	'expired', // nobody approved in time
	'failed', // it certainly did not reach the BMC
	'unknown', // it may have reached the BMC (the proxy died, or no answer came): look before you repeat
]);
export type RequestState = z.infer<typeof requestState>;

export const policyView = z.strictObject({
	party: z.string(),
	operation: z.string(),
	expression: z.string(),
	holds: z.boolean(),
	reason: z.string(),
});

const signedView = z.strictObject({ statement: z.string(), signature: z.string() });

export const requestView = z.strictObject({
	id: z.string(),
	state: requestState,
	bmc: z.string(),
	method: z.string(),
	path: z.string(),
	query: z.array(z.tuple([z.string(), z.string()])),
	ifMatch: z.string().nullable(),
	body: z.json(),
	/** Hex SHA-256 of method, path, query, If-Match, body, BMC, policy version and nonce: what an approval names. */
	digest: z.string(),
	policyVersion: z.string(),
	operations: z.array(z.string()),
	requester: operatorView,
	createdAt: z.iso.datetime(),
	/** When its time for approving is over. */
	expiresAt: z.iso.datetime(),
	/** Seconds within which it must be being executed once its last approval has arrived; else it expires. */
	executeWithinSeconds: z.number(),
	authorizations: z.array(
		operatorView.extend({
			at: z.iso.datetime(),
			comment: z.string().nullable(),
			/** When it no longer counts; null: while the request waits. */
			validUntil: z.iso.datetime().nullable(),
			/** The decision as its operator signed it: after the line `bimetal approval 1`, Ed25519, base64. */
			signed: signedView.optional(),
		}),
	),
	/** Alternatives: each a set of parties that would complete the request. Empty unless waiting. */
	needs: z.array(z.array(z.string())),
	/** The same for people, with who of a party is needed: `CP (one more of security), or SI`. Empty unless waiting. */
	needsText: z.string(),
	/** The clause taken, once decided: `CP and hso`. */
	clause: z.string().nullable(),
	policies: z.array(policyView),
	/** Why it was denied, withdrawn or failed; who did it. */
	ended: z
		.strictObject({
			by: operatorView.nullable(),
			reason: z.string(),
			at: z.iso.datetime(),
			signed: signedView.optional(),
		})
		.nullable(),
	/** What the BMC answered. The body is for the requester alone, at its TaskMonitor. */
	outcome: z.strictObject({ status: z.int(), at: z.iso.datetime() }).nullable(),
});
export type RequestView = z.infer<typeof requestView>;

/** What an approver looks at: the request, and what it meets now. */
export const reviewView = z.strictObject({
	request: requestView,
	/** What it is about, as the approver's party may see it now; null once the request no longer waits. */
	resource: z
		.strictObject({
			path: z.string(),
			/** Null when it is not shown; `reason` says why. */
			body: z.json(),
			reason: z.string().nullable(),
		})
		.nullable(),
	/** What a PATCH changes, property by property; null for anything else. */
	changes: z
		.array(
			z.strictObject({
				property: z.string(),
				/** Absent where there is no such property, or the approver may not see it. */
				before: z.json().optional(),
				after: z.json(),
			}),
		)
		.nullable(),
	/** An image: what is sent, and what of it the digest binds. GET …/image gives it whole. */
	upload: z
		.strictObject({
			contentType: z.string(),
			/** Bytes. */
			size: z.int(),
			sha256: z.string(),
			fileName: z.string().nullable(),
			/** UpdateParameters; null of an image that came alone. */
			parameters: z.json(),
		})
		.nullable(),
	/** Each policy as it comes out now; `request.policies` is how they came out when it was last decided on. */
	policies: z.array(policyView),
	/** What the approval of whoever asks would lead to now; null when it does not wait for that party. */
	ifApproved: z.strictObject({ outcome: z.enum(['execute', 'wait', 'deny']), detail: z.string() }).nullable(),
});
export type ReviewView = z.infer<typeof reviewView>;

export const requestPage = z.strictObject({
	requests: z.array(requestView),
	/** Pass as `after` for the next page; null on the last. */
	next: z.string().nullable(),
});

/** The operator's own signature of the decision: see docs/lifecycle.md. */
const proof = z.strictObject({ at: z.iso.datetime(), signature: z.base64().length(88) });

export const approveBody = z.strictObject({
	/** Must equal the request's digest: the approver says what was looked at. */
	digest: z.string().regex(/^[0-9a-f]{64}$/),
	comment: z.string().max(1000).optional(),
	signed: proof.optional(),
});
export const denyBody = z.strictObject({ reason: z.string().min(1).max(1000), signed: proof.optional() });
export const withdrawBody = z.strictObject({
	reason: z.string().max(1000).optional(),
	signed: proof.optional(),
});

export const requestQuery = z.strictObject({
	state: requestState.optional(),
	bmc: z.string().max(63).optional(),
	limit: z.coerce.number().int().min(1).max(1000).default(100),
	after: z.string().max(64).optional(),
});

/** Whether an enrolled BMC's other ways in (SSH, IPMI, other accounts, …) are shut, as the proxy last saw them. */
const doorsFields = {
	/** `unknown` where the BMC was not enrolled, or cannot be seen: see `doorsReason`. */
	doors: z.enum(['shut', 'open', 'unknown']),
	openDoors: z.array(z.string()),
	doorsReason: z.string().nullable(),
	doorsCheckedAt: z.iso.datetime().nullable(),
};
const doorsView = z.strictObject(doorsFields);
export type DoorsView = z.infer<typeof doorsView>;

export const repairView = z.strictObject({
	repairs: z.array(
		z.strictObject({
			doors: z.array(z.string()),
			/** `by hand`: no request mends it. */
			outcome: z.enum(['shut', 'waiting', 'denied', 'failed', 'by hand']),
			/** The request that waits for other parties. */
			requestId: z.string().nullable(),
			detail: z.string(),
		}),
	),
	...doorsFields,
});

export const bmcView = z.strictObject({
	name: z.string(),
	rack: z.string(),
	/** Where an unmodified Redfish client finds this BMC's `/redfish/v1`; null when it has no port of its own. */
	url: z.string().nullable(),
	/** The same by path prefix on the proxy's main port, for instance `https://127.0.0.1:8443/bmc/node1`. */
	prefixUrl: z.string(),
	state: z.enum(['up', 'down', 'unknown']),
	...doorsFields,
});
export type BmcView = z.infer<typeof bmcView>;
export const bmcList = z.strictObject({ bmcs: z.array(bmcView) });

export const lockoutView = z.strictObject({
	operator: z.string(),
	/** An address, or the /64 of it; null: wherever the operator has not logged in from before. */
	from: z.string().nullable(),
	failures: z.int(),
	until: z.iso.datetime(),
});
export type LockoutView = z.infer<typeof lockoutView>;
export const lockoutList = z.strictObject({ lockouts: z.array(lockoutView) });
export const unlockBody = z.strictObject({
	operator: z.string().min(1).max(64),
	/** As the list shows it; at every address when absent. */
	from: z.string().min(1).max(64).optional(),
});
export const unlockView = z.strictObject({ unlocked: z.boolean() });

export const serviceView = z.strictObject({
	site: z.string(),
	version: z.string(),
	policyVersion: z.string(),
	parties: z.array(z.strictObject({ name: z.string(), description: z.string() })),
});

export const policiesView = z.strictObject({
	version: z.string(),
	operations: z.array(
		z.strictObject({
			type: z.string(),
			operation: z.string(),
			description: z.string(),
			matches: z.array(z.string()),
			properties: z.array(z.string()).nullable(),
			p2c: z.string(),
			policies: z.record(z.string(), z.array(z.string())),
		}),
	),
});

export type PoliciesView = z.infer<typeof policiesView>;

/** RFC 9457 problem details, as every management API of the project answers errors. */
export const problem = z.strictObject({
	type: z.string(),
	title: z.string(),
	status: z.int(),
	code: z.string(),
	detail: z.string(),
});
