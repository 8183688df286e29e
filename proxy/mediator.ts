import type { ServerResponse } from 'node:http';
import type { Clock } from '../common/clock.ts';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import type { Answer } from './answer/answer.ts';
import type { RequestDocument } from './approve/request-document.ts';
import { accepted, type WaitingRequests } from './approve/waiting-requests.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { policyRecords, requestDigest, requestText } from './audit/request-text.ts';
import { type Call, readOf } from './call.ts';
import { describeUnknown } from './classify/suggest-row.ts';
import type { Claims } from './decide/claims.ts';
import type { ActivePolicies, Consider } from './decide/consider.ts';
import type { Verdict } from './decide/decide.ts';
import type { Lanes } from './decide/lanes.ts';
import { proxyErrors } from './errors.ts';
import { matchesIfMatch } from './filter/etag.ts';
import { expand } from './filter/expand.ts';
import { wasNotSent } from './forward/bmc-fault.ts';
import { type BmcTasks, isMonitor } from './forward/bmc-tasks.ts';
import { canPass, type Posts, pass, perform, renderSight, type Sight } from './forward/perform.ts';
import { verdictUnder } from './governance/break-glass.ts';
import type { Windows } from './governance/windows.ts';
import type { Operation } from './policy/policy-set.ts';
import { durably } from './record.ts';

export interface MediatorDeps {
	/** The policies in force. */
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly waiting: WaitingRequests;
	readonly bmcTasks: BmcTasks;
	readonly audit: AuditLog;
	readonly lanes: Lanes;
	readonly claims: Claims;
	readonly clock: Clock;
	/** Called after a request that may have changed a BMC: what was read of it before is stale. */
	readonly onChanged: (bmc: string) => void;
	/** Counts a use of the party's open break-glass window, if there is one that lets this through. */
	readonly breakGlass?: Pick<Windows, 'use'> | undefined;
}

/** An authenticated, canonical call from decision to answer. */
export interface Mediator {
	/** Answers, or throws a BimetalError; 'passed' when the answer was written to `to` as it came. */
	mediate(call: Call, to: ServerResponse): Promise<Answer | 'passed'>;
	/** The same, with the answer always kept whole. */
	answer(call: Call): Promise<Answer>;
	/** What an operator would be shown of a resource at once; undefined when nothing. Throws when it cannot be read. */
	look(call: Call): Promise<Sight | undefined>;
	/**
	 * Executes a request that waited, decided again just before; the answer is its requester's. `beforeSending` is
	 * awaited when all else is done: from then on it may have been executed. When it rejects, nothing is sent.
	 */
	execute(
		call: Call,
		verdict: Verdict & { kind: 'execute' },
		beforeSending: () => Promise<unknown>,
	): Promise<Answer>;
}

export function createMediator(deps: MediatorDeps): Mediator {
	const { audit, waiting, clock } = deps;

	const classify = (policies: ActivePolicies, call: Call): readonly Operation[] => {
		const found = policies.classify(call.request);
		if (found.kind === 'known') return found.operations;
		recordDecision(call, [], { kind: 'deny', reason: found.reason, policies: [] }, policies).durable.catch(
			noted,
		);
		const text = describeUnknown(found);
		if (found.kind === 'unknown') throw proxyErrors.UnknownOperation(text);
		throw proxyErrors.MethodNotAllowed(text, { headers: { allow: found.methods.join(', ') } });
	};

	/** A decision is on the record before anything follows from it; what changes a BMC waits for the disk. */
	const recordDecision = (
		call: Call,
		operations: readonly Operation[],
		verdict: Verdict,
		policies: ActivePolicies,
		held?: RequestDocument,
	): { durable: Promise<void>; seq?: number } => {
		const recorded = audit.append(
			{
				kind: 'decision',
				requestId: held?.id ?? null,
				operator: call.operator.name,
				party: call.operator.party,
				bmc: call.bmc.target.name,
				method: call.request.method,
				path: call.request.path,
				operations: operations.map(operation => operation.name),
				verdict: verdict.kind,
				clause: verdict.kind === 'execute' ? verdict.clause : null,
				...(verdict.kind === 'execute' && verdict.breakGlass && { breakGlass: verdict.breakGlass }),
				policyVersion: policies.set.version,
				digest: held?.digest ?? requestDigest(call.request, call.bmc.target.name, policies.set.version),
				request: requestText(call.request),
				policies: policyRecords(verdict.policies),
				status: null,
			},
			{ patient: verdict.kind === 'execute' && isRead(call) },
		);
		return { ...recorded, durable: durably(recorded) };
	};

	/** What is not let through now may be by break-glass; who merely looks something up for another request is not. */
	const override = async (
		call: Call,
		policies: ActivePolicies,
		operations: readonly Operation[],
		verdict: Verdict,
	): Promise<Verdict> => {
		if (verdict.kind === 'execute' || !deps.breakGlass) return verdict;
		const { operator, bmc, request } = call;
		const what = { bmc: bmc.target.name, method: request.method, path: request.path };
		const window = await deps.breakGlass.use(operator, operations, what);
		if (!window) return verdict;
		const claim = deps.claims.claim(call, { operations, counted: policies.counted }, {});
		return { ...verdictUnder(window, operator.party, operations, verdict.policies), claim };
	};

	const decideOn = async (
		call: Call,
		how: { readonly mayOverride?: boolean } = {},
	): Promise<{
		verdict: Verdict;
		policies: ActivePolicies;
		operations: readonly Operation[];
		/** The number of its record. */
		decision?: number | undefined;
	}> => {
		if (!audit.healthy()) {
			throw proxyErrors.AuditUnavailable('decisions cannot be recorded, so none is made');
		}
		const policies = deps.policies();
		const operations = classify(policies, call);
		// What is the proxy's own has been answered before; of the rest only an own task's result is left.
		if (operations.some(({ handledBy }) => handledBy === 'proxy')) await deps.bmcTasks.requireOwner(call);
		// Who merely looks something up for another request claims nothing.
		const claim = how.mayOverride === true;
		const decided = await deps.consider(policies, operations, call, [call.operator], { claim });
		const verdict = how.mayOverride ? await override(call, policies, operations, decided) : decided;
		if (verdict.kind === 'wait') return { verdict, policies, operations }; // recorded once it has an id
		const recorded = recordDecision(call, operations, verdict, policies);
		if (isRead(call)) recorded.durable.catch(noted);
		else {
			await recorded.durable.catch(fault => {
				if (verdict.kind === 'execute') verdict.claim?.release();
				throw fault;
			});
		}
		return { verdict, policies, operations, decision: recorded.seq };
	};

	/** What the proxy itself hides of the BMC's tasks comes on top of the parties' post-policies. */
	const withOwnPosts = async (call: Call, posts: Posts): Promise<Posts> =>
		call.request.segments[2] === 'TaskService' ? [...posts, ...(await deps.bmcTasks.postsFor(call))] : posts;

	/** What this operator would see of another resource; undefined when it would not be shown at once. */
	const look = async (call: Call): Promise<Sight | undefined> => {
		const { verdict } = await decideOn(call).catch(fault => {
			if (fault instanceof BimetalError && fault.status < 500) return { verdict: undefined };
			throw fault;
		});
		// A task monitor that is merely looked at would have given away its result.
		if (verdict?.kind !== 'execute' || isMonitor(call.request.path)) return undefined;
		const sight = await perform(call, await withOwnPosts(call, verdict.posts), undefined);
		return sight.status === 200 ? sight : undefined;
	};

	/** The BMC's tag for the tag that this operator was shown (bypasses: the tag of a masked resource is an oracle). */
	const mapIfMatch = async (call: Call): Promise<string | undefined> => {
		const condition = call.request.ifMatch;
		if (condition === undefined || condition.trim() === '*') return condition;
		const sight = await look(readOf(call, call.request.path));
		if (sight?.etag === undefined || !matchesIfMatch(condition, sight.etag)) {
			throw proxyErrors.PreconditionFailed(
				'the resource has changed since you read it, or is not yours to see',
			);
		}
		return sight.bmcEtag;
	};

	const send = async (
		call: Call,
		decided: Posts,
		to: ServerResponse | undefined,
		beforeSending?: () => Promise<unknown>,
	): Promise<Answer | 'passed'> => {
		const ifMatch = await mapIfMatch(call);
		await beforeSending?.();
		const read = isRead(call);
		if (read && isMonitor(call.request.path)) {
			const { answer } = await deps.bmcTasks.collect(call);
			if (answer.status === 404 && !answer.body) throw proxyErrors.NotFound('there is no such resource');
			return answer;
		}
		const posts = read ? await withOwnPosts(call, decided) : decided;
		try {
			// A change is seen through to its end, though its client may go: only then is its lane free again.
			if (to && read && canPass(call, posts)) {
				await pass(call, to, ifMatch);
				return 'passed';
			}
			const sight = await perform(call, posts, ifMatch);
			if (sight.status === 202) await deps.bmcTasks.began(call, sight, posts);
			return renderSight(call, read && sight.status === 200 ? await widen(call, sight) : sight);
		} finally {
			if (!read) deps.onChanged(call.bmc.target.name);
		}
	};

	/** Sends what has a claim, once that is on disk; what certainly was not executed holds it no longer. */
	const sendClaimed = async (
		call: Call,
		{ posts, claim }: Verdict & { kind: 'execute' },
		to: ServerResponse | undefined,
		beforeSending?: () => Promise<unknown>,
	): Promise<Answer | 'passed'> => {
		if (!claim) return send(call, posts, to, beforeSending);
		try {
			await claim.durable.catch(cause => {
				throw proxyErrors.AuditUnavailable('what it would hold could not be kept, so nothing was done', {
					cause,
				});
			});
			const answer = await send(call, posts, to, beforeSending);
			if (answer !== 'passed' && answer.status >= 400 && answer.status < 500) claim.release();
			return answer;
		} catch (fault) {
			if (wasNotSent(fault)) claim.release();
			throw fault;
		}
	};

	/** `only` and `$expand` show other resources: each is decided on like a request of its own. */
	const widen = async (call: Call, sight: Sight): Promise<Sight> => {
		const option = (name: string) => call.request.query.find(([key]) => key === name)?.[1];
		let widened = sight;
		if (option('only') !== undefined) widened = (await onlyMember(call, sight)) ?? sight;
		const levels = option('$expand');
		if (levels === undefined || widened.json === undefined) return widened;
		const json = await expand(widened.json, levels, async path => (await look(readOf(call, path)))?.json);
		return { status: widened.status, headers: widened.headers, json, etag: undefined, bmcEtag: undefined };
	};

	const onlyMember = async (call: Call, sight: Sight): Promise<Sight | undefined> => {
		const members = (sight.json as { Members?: { '@odata.id'?: unknown }[] } | undefined)?.Members;
		const path = members?.length === 1 ? members[0]?.['@odata.id'] : undefined;
		return typeof path === 'string' && path.startsWith('/redfish/v1/')
			? await look(readOf(call, path))
			: undefined;
	};

	/** Does the decision count on a quantity that other requests change as well? */
	const readsShared = (call: Call): boolean => {
		const policies = deps.policies();
		const found = policies.classify(call.request);
		return found.kind === 'known' && policies.factsNeeded(found.operations).external.length > 0;
	};

	/** Sends, and puts the BMC's status on the record; of reads the decision alone is kept. */
	const sendRecorded = async (
		call: Call,
		verdict: Verdict & { kind: 'execute' },
		decision: number | undefined,
		to: ServerResponse | undefined,
	): Promise<Answer | 'passed'> => {
		if (isRead(call)) return sendClaimed(call, verdict, to);
		const start = clock.now();
		const record = (status: number): void => {
			const tookMs = clock.now() - start;
			audit.append({ kind: 'answer', requestId: null, decision, bmc: call.bmc.target.name, status, tookMs });
		};
		try {
			const answer = await sendClaimed(call, verdict, to);
			record(answer === 'passed' ? (to?.statusCode ?? 0) : answer.status);
			return answer;
		} catch (fault) {
			record(fault instanceof BimetalError ? fault.status : 500);
			throw fault;
		}
	};

	const answerTo = async (call: Call, to: ServerResponse | undefined): Promise<Answer | 'passed'> => {
		const { verdict, policies, operations, decision } = await decideOn(call, { mayOverride: true });
		switch (verdict.kind) {
			case 'execute':
				return sendRecorded(call, verdict, decision, to);
			case 'wait': {
				const held = await waiting.hold(call, verdict, { operations, policyVersion: policies.set.version });
				await recordDecision(call, operations, verdict, policies, held).durable;
				return accepted(held, call.prefix);
			}
			case 'deny':
				throw proxyErrors.PolicyDenied(verdict.reason);
		}
	};

	const mediate = async (call: Call, to: ServerResponse | undefined): Promise<Answer | 'passed'> => {
		if (call.request.query.some(([name]) => name === '$filter')) {
			throw proxyErrors.UnknownQuery('$filter is not offered here');
		}
		// A stream never ends, and what is collected to be filtered must.
		if (call.request.path === '/redfish/v1/EventService/SSE') {
			throw proxyErrors.NotOffered('event streams are not offered here: read the event log instead');
		}
		const inLane = !isRead(call) && readsShared(call);
		return inLane
			? deps.lanes.run(`rack ${call.bmc.target.rack}`, () => answerTo(call, to))
			: answerTo(call, to);
	};

	const kept = (answer: Answer | 'passed'): Answer => {
		if (answer === 'passed') throw new Error('an answer without a client to pass it to was passed on');
		return answer;
	};
	return {
		mediate,
		answer: async call => kept(await mediate(call, undefined)),
		look,
		execute: async (call, verdict, beforeSending) =>
			kept(await sendClaimed(call, verdict, undefined, beforeSending)),
	};
}

/** Nothing more to do: `healthy` has turned false, and the next decision is refused. */
const noted = (): void => undefined;

const isRead = ({ request }: Call): boolean => request.method === 'GET' || request.method === 'HEAD';
