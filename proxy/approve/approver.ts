import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import type { Verdict } from '../decide/decide.ts';
import type { Lanes } from '../decide/lanes.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import type { RequestDocument } from './request-document.ts';
import { authorizationOf, noSuchRequest, viewPolicies, type WaitingRequests } from './waiting-requests.ts';

export interface ApproverDeps {
	readonly waiting: WaitingRequests;
	readonly mediator: Pick<Mediator, 'execute'>;
	readonly consider: Consider;
	readonly policies: () => ActivePolicies;
	/** True while the operator is in the roster, under this party and not disabled. */
	readonly isActive: (operator: Operator) => boolean;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly audit: AuditLog;
	readonly lanes: Lanes;
	readonly clock: Clock;
}

/** What operators do with requests that wait. Each throws a BimetalError that says what is wrong. */
export interface Approver {
	/** Adds the operator's authorization; when it is the last one, decides again and executes, exactly once. */
	approve(id: string, operator: Operator, digest: string, comment: string | null): Promise<RequestDocument>;
	deny(id: string, operator: Operator, reason: string): Promise<RequestDocument>;
	withdraw(id: string, operator: Operator, reason: string | null): Promise<RequestDocument>;
}

export function createApprover(deps: ApproverDeps): Approver {
	const { waiting, audit, clock } = deps;

	const load = async (id: string): Promise<RequestDocument> => {
		const request = await waiting.get(id);
		if (!request) throw noSuchRequest(id);
		if (request.state === 'waiting' && request.expiresAt <= clock.now()) await waiting.expire();
		return (await waiting.get(id)) ?? request;
	};

	const record = (
		request: RequestDocument,
		operator: Operator,
		decision: 'approve' | 'deny' | 'withdraw',
		comment: string | null,
	) =>
		audit.append({
			kind: 'approval',
			requestId: request.id,
			operator: operator.name,
			party: operator.party,
			decision,
			digest: request.digest,
			comment,
		}).durable;

	const end = (id: string, state: 'denied' | 'withdrawn', by: Operator | null, reason: string) =>
		waiting.change(id, 'waiting', request => ({
			...request,
			state,
			needs: [],
			ended: { by: by && { name: by.name, party: by.party }, reason, at: clock.now() },
		}));

	const approve = async (id: string, operator: Operator, digest: string, comment: string | null) => {
		const request = await load(id);
		refuseUnfit(request, operator, digest);
		const policies = deps.policies();
		if (policies.set.version !== request.policyVersion) {
			return end(id, 'denied', null, 'the policies have changed since the request was made; make it again');
		}
		await record(request, operator, 'approve', comment);
		const authorized = await waiting.change(id, 'waiting', before => ({
			...before,
			authorizations: [...before.authorizations, authorizationOf(operator, clock.now(), comment)],
		}));
		const call = callOf(authorized, deps.bmcs);
		const operations = policies.set.operations.filter(operation =>
			authorized.operations.includes(operation.name),
		);
		if (operations.length !== authorized.operations.length)
			throw new Error('a row of the same policy version is gone');
		// Everybody who authorized must still be an operator now: who was removed while it waited does not count.
		const parties = new Set(authorized.authorizations.filter(deps.isActive).map(({ party }) => party));
		const verdict = await deps.consider(policies, operations, call, parties);
		switch (verdict.kind) {
			case 'wait':
				return waiting.change(id, 'waiting', before => ({
					...before,
					needs: verdict.needs.map(alternative => [...alternative]),
					policies: viewPolicies(verdict.policies),
				}));
			case 'deny':
				await waiting.change(id, 'waiting', before => ({
					...before,
					policies: viewPolicies(verdict.policies),
				}));
				return end(id, 'denied', null, verdict.reason);
			case 'execute':
				return execute(authorized, call, verdict);
		}
	};

	const execute = async (request: RequestDocument, call: Call, verdict: Verdict & { kind: 'execute' }) => {
		const start = clock.now();
		// On disk before the first byte is sent: a request found `executing` after a crash is never sent again.
		const executing = await waiting.change(request.id, 'waiting', before => ({
			...before,
			state: 'executing',
			needs: [],
			clause: verdict.clause,
			policies: viewPolicies(verdict.policies),
		}));
		try {
			await audit.append({
				kind: 'decision',
				requestId: request.id,
				operator: request.requester.name,
				party: request.requester.party,
				bmc: request.bmc,
				method: request.request.method,
				path: request.request.path,
				operations: request.operations,
				verdict: 'execute',
				clause: verdict.clause,
				policyVersion: request.policyVersion,
				digest: request.digest,
				policies: executing.policies,
				status: null,
			}).durable;
		} catch {
			return settle(request.id, 'failed', 'the decision could not be recorded, so nothing was sent');
		}
		try {
			const answer = await deps.mediator.execute(call, verdict);
			audit
				.append({
					kind: 'answer',
					requestId: request.id,
					bmc: request.bmc,
					status: answer.status,
					tookMs: clock.now() - start,
				})
				.durable.catch(() => undefined);
			return await waiting.change(request.id, 'executing', before => ({
				...before,
				state: 'executed',
				outcome: {
					status: answer.status,
					headers: { ...answer.headers },
					body: answer.body ? Buffer.from(answer.body).toString('base64') : null,
					at: clock.now(),
				},
			}));
		} catch (fault) {
			const reason = fault instanceof BimetalError && fault.expose ? fault.message : 'a fault of the proxy';
			return settle(request.id, wasNotSent(fault) ? 'failed' : 'unknown', reason, fault);
		}
	};

	const settle = (id: string, state: 'failed' | 'unknown', reason: string, fault?: unknown) => {
		const answer = renderRedfishError(fault ?? proxyErrors.AuditUnavailable(reason));
		return waiting.change(id, 'executing', before => ({
			...before,
			state,
			ended: { by: null, reason, at: clock.now() },
			outcome: {
				status: answer.status,
				headers: { ...answer.headers },
				body: answer.body ? Buffer.from(answer.body).toString('base64') : null,
				at: clock.now(),
			},
		}));
	};

	/** One at a time for each request, and within the rack's lane, as every decision over its power. */
	const serial = async <R>(id: string, work: () => Promise<R>): Promise<R> => {
		const request = await load(id);
		const rack = deps.bmcs.get(request.bmc)?.target.rack;
		return deps.lanes.run(`request ${id}`, () => deps.lanes.run(`rack ${rack}`, work));
	};

	return {
		approve: (id, operator, digest, comment) => serial(id, () => approve(id, operator, digest, comment)),
		deny: (id, operator, reason) =>
			deps.lanes.run(`request ${id}`, async () => {
				const request = await load(id);
				await record(request, operator, 'deny', reason);
				return end(id, 'denied', operator, reason);
			}),
		withdraw: (id, operator, reason) =>
			deps.lanes.run(`request ${id}`, async () => {
				const request = await load(id);
				if (request.requester.name !== operator.name) {
					throw proxyErrors.NotYours('only its requester can withdraw a request; deny it instead');
				}
				await record(request, operator, 'withdraw', reason);
				return end(id, 'withdrawn', operator, reason ?? 'by its requester');
			}),
	};
}

/** Everything that makes an approval count for nothing, each with what the approver can do. */
function refuseUnfit(request: RequestDocument, operator: Operator, digest: string): void {
	if (request.state !== 'waiting') {
		throw proxyErrors.RequestNotWaiting(`request ${request.id} is ${request.state}, it no longer waits`);
	}
	if (request.authorizations.some(({ party }) => party === operator.party)) {
		throw proxyErrors.AlreadyAuthorized(
			`${operator.party} has authorized request ${request.id} already; it waits for ${request.needs.map(n => n.join(' and ')).join(', or ')}`,
		);
	}
	if (!request.needs.some(alternative => alternative.includes(operator.party))) {
		throw proxyErrors.NotNeeded(`request ${request.id} does not wait for ${operator.party}`);
	}
	if (request.digest !== digest) {
		throw proxyErrors.DigestMismatch(
			`the approval names another request than ${request.id} is; look at it again and approve with its digest`,
		);
	}
}

/** Codes of faults after which certainly nothing was executed. */
const wasNotSent = (fault: unknown): boolean =>
	fault instanceof BimetalError &&
	['BmcUnreachable', 'PreconditionFailed', 'AuditUnavailable'].includes(fault.code);

/** The stored request as a call of its requester: rendered from what was stored, and from nothing else. */
function callOf(request: RequestDocument, bmcs: ReadonlyMap<string, BmcConnection>): Call {
	const bmc = bmcs.get(request.bmc);
	if (!bmc) throw proxyErrors.NoSuchBmc(`there is no BMC ${request.bmc} any more`);
	const { method, path, query, ifMatch, ifNoneMatch, contentType, bytes } = request.request;
	const raw = bytes === null ? undefined : Buffer.from(bytes, 'base64');
	const isJson = contentType?.startsWith('application/json') ?? false;
	return {
		request: {
			method,
			path,
			segments: path.split('/').slice(1),
			query,
			ifMatch: ifMatch ?? undefined,
			ifNoneMatch: ifNoneMatch ?? undefined,
			body: raw && isJson ? (JSON.parse(raw.toString('utf8')) as JsonValue) : undefined,
			bytes: raw,
			contentType: contentType ?? undefined,
		},
		operator: request.requester,
		bmc,
		prefix: request.prefix,
	};
}
