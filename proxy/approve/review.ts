import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Call, readOf, targetOf } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import type { Verdict } from '../decide/decide.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { ShareBmc } from '../limits/share-bmc.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { type ChangedProperty, changedProperties } from './changed-properties.ts';
import type { RequestDocument } from './request-document.ts';
import { callOf } from './stored-call.ts';
import { waitsFor } from './task.ts';
import { describeUpload, type Upload } from './upload.ts';
import { authorizationOf, viewPolicies } from './waiting-requests.ts';

/** What somebody looks at before saying yes: the request, and what it meets at this moment. */
export interface Review {
	readonly request: RequestDocument;
	/** What the request is about, as this operator's party may see it; null once the request no longer waits. */
	readonly resource: {
		readonly path: string;
		/** Null when it is not shown: `reason` says why. */
		readonly body: JsonValue | null;
		readonly reason: string | null;
	} | null;
	/** Property by property; null for anything but a PATCH. */
	readonly changes: readonly ChangedProperty[] | null;
	readonly upload: Upload | null;
	/** Every policy as it comes out now, not as when the request was made. */
	readonly policies: RequestDocument['policies'];
	/** What this operator's approval would lead to now; null when the request does not wait for the party. */
	readonly ifApproved: { readonly outcome: 'execute' | 'wait' | 'deny'; readonly detail: string } | null;
}

export interface ReviewDeps {
	readonly mediator: Pick<Mediator, 'look'>;
	readonly consider: Consider;
	readonly policies: () => ActivePolicies;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	/** A BMC's connections as a party may use them; all of them when absent. */
	readonly share?: ShareBmc | undefined;
	readonly clock: { now(): number };
}

export type Reviewer = (request: RequestDocument, operator: Operator) => Promise<Review>;

/** Looks at a request for one operator. Decides nothing, and claims nothing. */
export function createReviewer(deps: ReviewDeps): Reviewer {
	const lookAt = async (call: Call, operator: Operator): Promise<NonNullable<Review['resource']>> => {
		const path = targetOf(call.request);
		const look = readOf({ ...call, operator, prefix: '' }, path);
		try {
			const sight = await deps.mediator.look(look);
			if (sight?.json !== undefined) return { path, body: sight.json, reason: null };
			return { path, body: null, reason: `${operator.party} may not see it at once, or it is not there` };
		} catch (fault) {
			const reason = fault instanceof BimetalError && fault.expose ? fault.message : 'it cannot be read';
			return { path, body: null, reason };
		}
	};

	const decideNow = async (
		request: RequestDocument,
		call: Call,
		operator: Operator,
	): Promise<Pick<Review, 'policies' | 'ifApproved'>> => {
		const policies = deps.policies();
		if (policies.set.version !== request.policyVersion) {
			const detail = 'the policies have changed since the request was made; it must be made again';
			return { policies: [], ifApproved: { outcome: 'deny', detail } };
		}
		const operations = policies.set.operations.filter(({ name }) => request.operations.includes(name));
		const now = deps.clock.now();
		const valid = request.authorizations.filter(({ validUntil }) => validUntil === null || validUntil > now);
		// Without the approval no clause is complete, so that every one of them is looked at.
		const before = await deps.consider(policies, operations, call, valid);
		const shown = viewPolicies(before.policies);
		const isNeeded = request.needs.some(alternative => alternative.includes(operator.party));
		if (!isNeeded) return { policies: shown, ifApproved: null };
		const own = authorizationOf(operator, now, null);
		const after = await deps.consider(policies, operations, call, [...valid, own]);
		return { policies: shown, ifApproved: outcomeOf(after) };
	};

	return async (request, operator) => {
		const stored = callOf(request, deps.bmcs);
		const bmc = deps.share?.(stored.bmc, operator.party) ?? stored.bmc;
		const call: Call = { ...stored, bmc };
		const { body, method } = call.request;
		const upload = describeUpload(call.request);
		if (request.state !== 'waiting') {
			return { request, resource: null, changes: null, upload, policies: request.policies, ifApproved: null };
		}
		const [resource, decided] = await Promise.all([
			// A console is no resource: there is nothing to read.
			method === 'WEBSOCKET' ? null : lookAt(call, operator),
			decideNow(request, call, operator),
		]);
		const isPatch = method === 'PATCH' && body !== undefined;
		const changes = isPatch ? changedProperties(resource?.body ?? undefined, body) : null;
		return { request, resource, changes, upload, ...decided };
	};
}

function outcomeOf(verdict: Verdict): NonNullable<Review['ifApproved']> {
	switch (verdict.kind) {
		case 'execute':
			return { outcome: 'execute', detail: `under "${verdict.clause}"` };
		case 'wait': {
			const needs = verdict.needs.map(alternative => [...alternative]);
			return { outcome: 'wait', detail: `for ${waitsFor({ needs, lacking: { ...verdict.lacking } })}` };
		}
		case 'deny':
			// Not the verdict's reason: it quotes policies that their party may hide from this operator.
			return { outcome: 'deny', detail: 'a policy does not hold now' };
	}
}
