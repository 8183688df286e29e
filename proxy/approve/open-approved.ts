import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { renderRedfishError } from '../answer/redfish-error.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Call } from '../call.ts';
import type { ActivePolicies, Consider } from '../decide/consider.ts';
import type { Verdict } from '../decide/decide.ts';
import type { Lanes } from '../decide/lanes.ts';
import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import { durably } from '../record.ts';
import { executionRecord } from './execution-record.ts';
import type { RequestDocument } from './request-document.ts';
import { viewPolicies, type WaitingRequests } from './waiting-requests.ts';

export interface OpenApprovedDeps {
	readonly waiting: WaitingRequests;
	readonly consider: Consider;
	readonly policies: () => ActivePolicies;
	readonly personOf: (operator: Operator) => string | undefined;
	readonly audit: AuditLog;
	readonly lanes: Lanes;
	readonly clock: Clock;
}

/** What a console is opened under: the request, and how it was decided on just now. */
export interface Approved {
	readonly request: RequestDocument;
	readonly verdict: Verdict & { kind: 'execute' };
	/** Whose authorizations counted, its requester's first. */
	readonly authorizers: readonly Operator[];
}

/**
 * Uses up the approved request that this handshake is for: decides again, with every policy as it is now, and runs
 * `connect` once. Undefined when there is none (any more), and the handshake is to be decided on like any other.
 * Throws RequestDenied when it is allowed no more, and what `connect` throws: it is used up all the same.
 */
export type OpenApproved = <R>(
	call: Call,
	connect: (approved: Approved) => Promise<R>,
) => Promise<R | undefined>;

export function createOpenApproved(deps: OpenApprovedDeps): OpenApproved {
	const { waiting, audit, clock, lanes } = deps;

	const end = (id: string, state: 'denied' | 'expired', reason: string) =>
		waiting.change(id, 'approved', before => ({
			...before,
			state,
			ended: { by: null, reason, at: clock.now() },
		}));
	const deny = async (id: string, reason: string): Promise<never> => {
		await end(id, 'denied', reason);
		throw proxyErrors.RequestDenied(`request ${id} was approved, but ${reason}`);
	};
	const findObstacle = (request: RequestDocument): string | undefined => {
		if (deps.policies().set.version !== request.policyVersion)
			return 'the policies have changed since; make it again';
		return deps.personOf(request.requester) === undefined
			? `its requester ${request.requester.name} is no longer an operator`
			: undefined;
	};

	const open = async <R>(
		id: string,
		call: Call,
		connect: (approved: Approved) => Promise<R>,
	): Promise<R | undefined> => {
		const request = await waiting.get(id);
		if (request?.state !== 'approved') return undefined;
		const now = clock.now();
		if (waiting.isLate(request)) {
			await waiting.expire();
			return undefined;
		}
		const obstacle = findObstacle(request);
		if (obstacle !== undefined) return deny(id, obstacle);
		const policies = deps.policies();
		const operations = policies.set.operations.filter(({ name }) => request.operations.includes(name));
		const valid = request.authorizations.filter(({ validUntil }) => validUntil === null || validUntil > now);
		const verdict = await deps.consider(policies, operations, call, valid, { claim: true });
		if (verdict.kind === 'deny') return deny(id, verdict.reason);
		if (verdict.kind === 'wait') {
			await end(id, 'expired', 'an approval no longer counts; it must be asked for again');
			return undefined;
		}
		try {
			const late = findObstacle(request);
			if (late !== undefined) return await deny(id, late);
			return await connectOnce(request, call, verdict, connect);
		} catch (fault) {
			// Nothing was opened, so nothing is held.
			verdict.claim?.release();
			throw fault;
		}
	};

	const connectOnce = async <R>(
		{ id }: RequestDocument,
		call: Call,
		verdict: Verdict & { kind: 'execute' },
		connect: (approved: Approved) => Promise<R>,
	): Promise<R> => {
		// On disk before anything is opened: after a crash it is never opened again.
		const request = await waiting.change(id, 'approved', before => ({
			...before,
			state: 'executing',
			sentAt: null,
			...(verdict.claim?.id !== undefined && { claim: verdict.claim.id }),
			clause: verdict.clause,
			policies: viewPolicies(verdict.policies),
		}));
		const settle = (state: 'executed' | 'failed', status: number, reason?: string) =>
			waiting.change(id, 'executing', before => ({
				...before,
				state,
				ended: reason === undefined ? null : { by: null, reason, at: clock.now() },
				outcome: { status, headers: {}, body: null, at: clock.now() },
			}));
		try {
			await durably(audit.append(executionRecord(request, call, verdict)));
			await verdict.claim?.durable;
			const authorizers = request.authorizations.map(({ name, party }) => ({ name, party }));
			// From here on it may have been opened.
			await waiting.markSent(id);
			const result = await connect({ request, verdict, authorizers });
			await settle('executed', 101);
			return result;
		} catch (fault) {
			const reason = fault instanceof BimetalError && fault.expose ? fault.message : 'a fault of the proxy';
			await settle('failed', renderRedfishError(fault).status, reason);
			throw fault;
		}
	};

	return async (call, connect) => {
		const found = await waiting.approvedFor(call);
		if (!found) return undefined;
		return lanes.run(`request ${found.id}`, () =>
			lanes.run(`rack ${call.bmc.target.rack}`, () => open(found.id, call, connect)),
		);
	};
}
