import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { policyView, requestState } from '../api/schemas.ts';

const operator = z.strictObject({ name: z.string(), party: z.string() });
/** A decision as its operator signed it: see statement.ts. */
const signed = z.strictObject({ statement: z.string(), signature: z.string() });

/** A request that had to wait for others, as it is kept: exactly what will be executed, and who said what. */
export const requestDocument = z.strictObject({
	id: z.string(),
	state: requestState,
	bmc: z.string(),
	/** The canonical request; bytes in base64. */
	request: z.strictObject({
		method: z.enum(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'WEBSOCKET']),
		path: z.string(),
		query: z.array(z.tuple([z.string(), z.string()])),
		ifMatch: z.string().nullable(),
		ifNoneMatch: z.string().nullable(),
		contentType: z.string().nullable(),
		bytes: z.base64().nullable(),
		/** An uploaded image, kept in the spool; `bytes` are then its UpdateParameters. */
		image: z
			.strictObject({
				file: z.string(),
				size: z.int(),
				sha256: z.string(),
				fileName: z.string().nullable(),
			})
			.optional(),
	}),
	/** Path prefix under which the requester addressed the BMC: its answer's links carry it. */
	prefix: z.string(),
	digest: z.string(),
	nonce: z.string(),
	policyVersion: z.string(),
	operations: z.array(z.string()),
	requester: operator,
	/** Parties that its rows name, and the requester's: they may look at it, whatever becomes of it. */
	concerns: z.array(z.string()),
	/** Times are milliseconds since the epoch. */
	createdAt: z.int(),
	/** When its time for approving is over. */
	expiresAt: z.int(),
	/** Milliseconds within which it must be being executed once its last approval has arrived. */
	executeWithin: z.int().default(300_000),
	authorizations: z.array(
		operator.extend({
			at: z.int(),
			comment: z.string().nullable(),
			/** When it no longer counts; null: while the request waits. */
			validUntil: z.int().nullable().default(null),
			signed: signed.optional(),
		}),
	),
	needs: z.array(z.array(z.string())),
	/** By party in `needs` that is a P²C itself: who of it must still authorize. */
	lacking: z.record(z.string(), z.string()).default({}),
	/**
	 * Since when it may have been sent; null while it certainly was not. Absent where that was not kept: nothing is
	 * known then.
	 */
	sentAt: z.int().nullable().optional(),
	/** What it holds of shared quantities, to be freed when it turns out that it was not sent. */
	claim: z.string().optional(),
	/**
	 * Of a PATCH over several rows, row by row: the properties that the row is about, and who would complete it;
	 * empty alternatives where it is satisfied. The whole waits for `needs`: it is never split.
	 */
	parts: z
		.array(z.strictObject({ properties: z.array(z.string()), needs: z.array(z.array(z.string())) }))
		.default([]),
	clause: z.string().nullable(),
	/** `private`: its party hides it from the others (decide/hidden-policies.ts). */
	policies: z.array(policyView.extend({ private: z.boolean().optional() })),
	ended: z
		.strictObject({
			by: operator.nullable(),
			reason: z.string(),
			at: z.int(),
			signed: signed.optional(),
		})
		.nullable(),
	outcome: z
		.strictObject({
			status: z.int(),
			headers: z.record(z.string(), z.string()),
			/** The answer as the requester may see it, base64. */
			body: z.base64().nullable(),
			at: z.int(),
		})
		.nullable(),
	/** The BMC's task monitor, while the BMC answered with a task that has not ended: `outcome` is its 202. */
	follows: z.string().nullable().default(null),
	/** How that task ended, as the BMC told it: `Completed`, `Exception`… */
	bmcTaskState: z.string().nullable().default(null),
});
export type RequestDocument = z.infer<typeof requestDocument>;

export const requests = defineCollection('requests', requestDocument, {
	state: request => request.state,
	/** By each party that may see it, narrowed by state, by BMC, and by both. */
	seenBy: ({ concerns, state, bmc }) =>
		concerns.flatMap(party => [
			JSON.stringify([party, null, null]),
			JSON.stringify([party, state, null]),
			JSON.stringify([party, null, bmc]),
			JSON.stringify([party, state, bmc]),
		]),
	/** Consoles that all have agreed to, by what would open each. */
	approvedFor: request =>
		request.state === 'approved'
			? JSON.stringify([request.requester.name, request.bmc, request.request.path])
			: undefined,
	waitingOf: request => (request.state === 'waiting' ? request.requester.name : undefined),
	/** To find a reader's identical request that waits already; asking to open a console again is as harmless. */
	waitingRead: request =>
		request.state === 'waiting' && ['GET', 'HEAD', 'WEBSOCKET'].includes(request.request.method)
			? JSON.stringify([
					request.requester.name,
					request.bmc,
					request.request.method,
					request.request.path,
					request.request.query,
				])
			: undefined,
});

/** Has this party a say in the request? Nobody else sees it: its body may hold what is between these. */
export const concernsParty = (request: RequestDocument, party: string): boolean =>
	request.concerns.includes(party);

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32: no i, l, o, u
const epoch = Date.parse('2026-01-01T00:00:00Z');

/** Thirteen characters that sort by time, for instance `r0n3k5x2q9f7a`: short enough to read out. */
export function newRequestId(now: number): string {
	let time = '';
	for (let rest = Math.max(0, now - epoch), i = 0; i < 8; i++, rest = Math.floor(rest / 32)) {
		time = alphabet.charAt(rest % 32) + time;
	}
	const random = [...randomBytes(4)].map(byte => alphabet.charAt(byte % 32)).join('');
	return `r${time}${random}`;
}

/** Tells the proxy's own Tasks from those of the BMC behind it. */
export const isRequestId = (text: string): boolean => /^r[0-9a-hjkmnp-tv-z]{12}$/.test(text);
