import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { Answer } from '../answer/answer.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import { type ActivePolicies, type Consider, occasionOf } from '../decide/consider.ts';
import type { Verdict } from '../decide/decide.ts';
import type { Lanes } from '../decide/lanes.ts';
import { mayCount } from '../decide/spoken.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import { wasNotSent } from '../forward/bmc-fault.ts';
import type { ShareBmc } from '../limits/share-bmc.ts';
import type { Mediator } from '../mediator.ts';
import type { Operator } from '../operator.ts';
import { durably } from '../record.ts';
import type { Spool } from '../upload/spool.ts';
import { checkSignature, type Proof, type Signed } from './check-signature.ts';
import { executionRecord } from './execution-record.ts';
import { notNeeded, notWaiting, refuseUnfit } from './fitness.ts';
import { monitorNamed } from './follow-task.ts';
import { concernsParty, type RequestDocument } from './request-document.ts';
import type { Statement } from './statement.ts';
import { callOf } from './stored-call.ts';
import {
	authorizationOf,
	noSuchRequest,
	partsOf,
	viewPolicies,
	type WaitingRequests,
} from './waiting-requests.ts';

export interface ApproverDeps {
	readonly waiting: WaitingRequests;
	readonly mediator: Pick<Mediator, 'execute'>;
	readonly consider: Consider;
	readonly policies: () => ActivePolicies;
	/** Who stands behind an operator; undefined for one who is not in the roster under this party, or disabled. */
	readonly personOf: (operator: Operator) => string | undefined;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	/** A BMC's connections as a party may use them; all of them when absent. */
	readonly share?: ShareBmc | undefined;
	/** Where uploaded images are kept. */
	readonly spool?: Pick<Spool, 'read' | 'size'> | undefined;
	readonly audit: AuditLog;
	readonly lanes: Lanes;
	readonly clock: Clock;
	/** Milliseconds for which an approval counts; absent: as long as the request waits. */
	readonly approvalValidFor?: number | undefined;
	/** An operator's public key, from the roster. */
	readonly keyOf: (operator: Operator) => string | undefined;
	/** `required`: nobody decides unsigned. Who has a key signs in any case. */
	readonly signed: 'required' | 'optional';
	/** The outcome of a request could not be kept yet; it is tried again. */
	readonly onFault?: (fault: unknown) => void;
}

/** What operators do with requests that wait. Each throws a BimetalError that says what is wrong. */
export interface Approver {
	/**
	 * Adds the operator's authorization; when it is the last one, decides again and executes, exactly once. Who
	 * approves again what carries the own approval already gets it as it is now: an answer may have been lost.
	 */
	approve(
		id: string,
		operator: Operator,
		digest: string,
		comment: string | null,
		proof?: Proof,
	): Promise<RequestDocument>;
	deny(id: string, operator: Operator, reason: string, proof?: Proof): Promise<RequestDocument>;
	withdraw(id: string, operator: Operator, reason: string | null, proof?: Proof): Promise<RequestDocument>;
}

interface Approval {
	readonly digest: string;
	readonly comment: string | null;
	readonly proof: Proof | undefined;
	readonly arrivedAt: number;
}

export function createApprover(deps: ApproverDeps): Approver {
	const { waiting, audit, clock } = deps;
	const isActive = (operator: Operator): boolean => deps.personOf(operator) !== undefined;

	const find = async (id: string): Promise<RequestDocument> => {
		const request = await waiting.get(id);
		if (!request) throw noSuchRequest(id);
		return request;
	};

	/** As `find`; what has waited too long has ended. */
	const load = async (id: string): Promise<RequestDocument> => {
		const request = await find(id);
		if (!isPending(request) || !waiting.isLate(request)) return request;
		await waiting.expire();
		return find(id);
	};

	/** Checks the signature of a decision where there must be one, and puts it on the record. */
	const record = async (
		request: RequestDocument,
		operator: Operator,
		{ decision, comment, proof }: Pick<Statement, 'decision' | 'comment'> & { proof: Proof | undefined },
	): Promise<Signed | undefined> => {
		const { id: requestId, digest } = request;
		const about = { requestId, digest, decision, operator: operator.name, party: operator.party, comment };
		const key = deps.keyOf(operator);
		const isRequired = deps.signed === 'required';
		const signed = checkSignature(about, proof, { key, isRequired, now: clock.now() });
		await durably(audit.append({ kind: 'approval', ...about, ...signed }));
		return signed;
	};

	const end = (
		{ id, state: from }: Pick<RequestDocument, 'id' | 'state'>,
		state: 'denied' | 'withdrawn' | 'expired',
		by: Operator | null,
		reason: string,
		changes: Partial<RequestDocument> = {},
		signed?: Signed,
	) =>
		waiting.change(id, from, request => ({
			...request,
			...changes,
			state,
			needs: [],
			lacking: {},
			ended: {
				by: by && { name: by.name, party: by.party },
				reason,
				at: clock.now(),
				...(signed && { signed: { ...signed } }),
			},
		}));

	/** Why nobody's approval can complete the request any more. */
	const findObstacle = (request: RequestDocument): string | undefined => {
		if (deps.policies().set.version !== request.policyVersion) {
			return 'the policies have changed since the request was made; make it again';
		}
		return isActive(request.requester)
			? undefined
			: `its requester ${request.requester.name} is no longer an operator`;
	};

	/** A site that was restored from a backup has the request, but not the image that came with it. */
	const findLostImage = async ({ request: { image } }: RequestDocument): Promise<string | undefined> => {
		if (!image || (await deps.spool?.size(image.file)) === image.size) return undefined;
		return 'its image is no longer kept here, or not as it was received; upload it again';
	};

	const approve = async (
		id: string,
		operator: Operator,
		{ digest, comment, proof, arrivedAt }: Approval,
	): Promise<RequestDocument> => {
		const request = await find(id);
		const { members } = deps.policies().set;
		const valid = request.authorizations.filter(
			({ validUntil }) => validUntil === null || validUntil > arrivedAt,
		);
		if (request.digest === digest && valid.some(given => isApprovalOf(given, operator, request)))
			return request;
		refuseUnfit(request, operator, digest, {
			standing: valid.filter(isActive),
			personOf: deps.personOf,
			mayCount: mayCount(operator, members, occasionOf(request.request.method)),
		});
		const obstacle = findObstacle(request) ?? (await findLostImage(request));
		if (obstacle !== undefined) return end(request, 'denied', null, obstacle);
		const policies = deps.policies();
		const stored = callOf(request, deps.bmcs, deps.spool);
		const bmc = deps.share?.(stored.bmc, request.requester.party) ?? stored.bmc;
		const call: Call = { ...stored, bmc };
		const operations = policies.set.operations.filter(operation =>
			request.operations.includes(operation.name),
		);
		if (operations.length !== request.operations.length)
			throw new Error('a row of the same policy version is gone');
		const signed = await record(request, operator, { decision: 'approve', comment, proof });

		const validUntil = deps.approvalValidFor === undefined ? null : arrivedAt + deps.approvalValidFor;
		const own = authorizationOf(operator, arrivedAt, comment, { validUntil, signed });
		const authorizations = [...request.authorizations, own];
		// A console is opened by a person, who must be there: it claims when it is.
		const isConsole = request.request.method === 'WEBSOCKET';
		const verdict = await deps.consider(policies, operations, call, [...valid, own], { claim: !isConsole });
		// One write for the authorization and what follows from it: a crash leaves none of them, or all.
		const changes = { authorizations, policies: viewPolicies(verdict.policies) };
		switch (verdict.kind) {
			case 'wait': {
				const needs = verdict.needs.map(alternative => [...alternative]);
				const { lacking } = verdict;
				const parts = partsOf(call.request, operations, verdict);
				return waiting.change(id, 'waiting', before => ({ ...before, ...changes, needs, lacking, parts }));
			}
			case 'deny':
				return end(request, 'denied', null, verdict.reason, changes);
			case 'execute': {
				const late = findObstacle(request);
				if (late !== undefined) {
					verdict.claim?.release();
					return end(request, 'denied', null, late, changes);
				}
				if (clock.now() >= arrivedAt + request.executeWithin) {
					verdict.claim?.release();
					return end(request, 'expired', null, startedTooLate, changes);
				}
				if (isConsole) {
					const expiresAt = arrivedAt + request.executeWithin;
					const { clause } = verdict;
					const agreed = {
						...changes,
						state: 'approved' as const,
						needs: [],
						lacking: {},
						clause,
						expiresAt,
					};
					return waiting.change(id, 'waiting', before => ({ ...before, ...agreed }));
				}
				return execute({ ...request, ...changes }, call, verdict);
			}
		}
	};

	const begin = async (
		id: string,
		{ claim }: Verdict & { kind: 'execute' },
		next: (request: RequestDocument) => RequestDocument,
	): Promise<RequestDocument> => {
		try {
			return await waiting.change(id, 'waiting', next);
		} catch (fault) {
			claim?.release();
			throw fault;
		}
	};

	const execute = async (request: RequestDocument, call: Call, verdict: Verdict & { kind: 'execute' }) => {
		const start = clock.now();
		// On disk before the first byte is sent: a request found `executing` after a crash is never sent again.
		const begun = await begin(request.id, verdict, before => ({
			...before,
			state: 'executing',
			sentAt: null,
			...(verdict.claim?.id !== undefined && { claim: verdict.claim.id }),
			authorizations: request.authorizations,
			needs: [],
			lacking: {},
			clause: verdict.clause,
			policies: request.policies,
		}));
		try {
			await durably(audit.append(executionRecord(request, call, verdict)));
		} catch (fault) {
			verdict.claim?.release();
			return settle(begun, 'failed', renderRedfishError(fault), reasonOf(fault));
		}
		// From here on nobody can know, if the proxy dies, whether it was executed.
		const beforeSending = (): Promise<unknown> =>
			waiting.markSent(request.id).catch(cause => {
				throw proxyErrors.NotExecuted('that it is being sent could not be kept, so it was not sent', {
					cause,
				});
			});
		const recordAnswer = (status: number) =>
			audit.append({
				kind: 'answer',
				requestId: request.id,
				bmc: request.bmc,
				status,
				tookMs: clock.now() - start,
			});
		let answer: Answer;
		try {
			answer = await deps.mediator.execute(call, verdict, beforeSending);
		} catch (fault) {
			answer = renderRedfishError(fault);
			recordAnswer(answer.status);
			// What a reader may not see, or asked for in a wrong way, is an answer like any other.
			if (isRead(call) && answer.status < 500) return settle(begun, 'executed', answer);
			return settle(begun, wasNotSent(fault) ? 'failed' : 'unknown', answer, reasonOf(fault));
		}
		recordAnswer(answer.status);
		return settle(begun, 'executed', answer, undefined, monitorNamed(answer, call.prefix));
	};

	/**
	 * How it came out is kept, however long the store is away: whoever asks is told as soon as that is possible. Should
	 * the proxy stop before, it is found `executing` and handled as after a crash.
	 */
	const settle = async (
		begun: RequestDocument,
		state: 'executed' | 'failed' | 'unknown',
		answer: Answer,
		reason?: string,
		follows: string | null = null,
	): Promise<RequestDocument> => {
		const at = clock.now();
		const next = (before: RequestDocument): RequestDocument => ({
			...before,
			state,
			follows,
			ended: reason === undefined ? null : { by: null, reason, at },
			outcome: {
				status: answer.status,
				headers: { ...answer.headers },
				body: answer.body ? Buffer.from(answer.body).toString('base64') : null,
				at,
			},
		});
		try {
			return await waiting.change(begun.id, 'executing', next);
		} catch (fault) {
			if (isLost(fault)) throw fault;
			deps.onFault?.(fault);
			settleLater(begun.id, next, firstRetry);
			return next(begun);
		}
	};

	const settleLater = (
		id: string,
		next: (request: RequestDocument) => RequestDocument,
		delay: number,
	): void => {
		clock.after(delay, () => {
			waiting.change(id, 'executing', next).catch(fault => {
				if (!isLost(fault)) settleLater(id, next, Math.min(2 * delay, longestRetry));
			});
		});
	};

	/**
	 * One at a time for each request, and within the rack's lane, as every decision over its power. An approval
	 * that came in time is not too late because others were before it in the lane.
	 */
	const serial = async <R>(id: string, work: (arrivedAt: number) => Promise<R>): Promise<R> => {
		const arrivedAt = clock.now();
		const request = await load(id);
		const release = waiting.spare(id);
		try {
			const rack = deps.bmcs.get(request.bmc)?.target.rack;
			return await deps.lanes.run(`request ${id}`, () =>
				deps.lanes.run(`rack ${rack}`, () => work(arrivedAt)),
			);
		} finally {
			release();
		}
	};

	return {
		approve: (id, operator, digest, comment, proof) =>
			serial(id, arrivedAt => approve(id, operator, { digest, comment, proof, arrivedAt })),
		deny: (id, operator, reason, proof) =>
			deps.lanes.run(`request ${id}`, async () => {
				const request = await load(id);
				if (!isPending(request)) throw notWaiting(request);
				if (!concernsParty(request, operator.party)) throw notNeeded(request, operator);
				const signed = await record(request, operator, { decision: 'deny', comment: reason, proof });
				return end(request, 'denied', operator, reason, {}, signed);
			}),
		withdraw: (id, operator, reason, proof) =>
			deps.lanes.run(`request ${id}`, async () => {
				const request = await load(id);
				if (request.requester.name !== operator.name) {
					throw proxyErrors.NotYours('only its requester can withdraw a request; deny it instead');
				}
				if (!isPending(request)) throw notWaiting(request);
				const signed = await record(request, operator, { decision: 'withdraw', comment: reason, proof });
				return end(request, 'withdrawn', operator, reason ?? 'by its requester', {}, signed);
			}),
	};
}

/** Milliseconds after which an outcome that could not be kept is tried again; doubles. */
const firstRetry = 1000;
const longestRetry = 30_000;

/** Somebody else has ended it, or it is gone: there is nothing to try again. */
const isLost = (fault: unknown): boolean =>
	fault instanceof BimetalError && ['RequestNotWaiting', 'NoSuchRequest', 'StoreClosed'].includes(fault.code);

const startedTooLate = 'its last approval had arrived, but it could not be executed in time';

/** Is this one's approval of somebody else's request? */
const isApprovalOf = (
	given: RequestDocument['authorizations'][number],
	operator: Operator,
	{ requester }: RequestDocument,
): boolean => given.name === operator.name && given.party === operator.party && given.name !== requester.name;

/** Nothing of it has been sent yet, so that it can still be stopped. */
const isPending = ({ state }: RequestDocument): boolean => state === 'waiting' || state === 'approved';

const reasonOf = (fault: unknown): string =>
	fault instanceof BimetalError && fault.expose ? fault.message : 'a fault of the proxy';

const isRead = ({ request }: Call): boolean => request.method === 'GET' || request.method === 'HEAD';
