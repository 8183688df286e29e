// Longer than most files: the one order in which a call is decided on, recorded, claimed, sent and answered, to be read in one go.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../common/clock.ts';
import { BimetalError } from '../common/errors/bimetal-error.ts';
import type { Answer } from './answer/answer.ts';
import type { RequestDocument } from './approve/request-document.ts';
import { accepted, type WaitingRequests } from './approve/waiting-requests.ts';
import type { AuditLog } from './audit/audit-log.ts';
import { policyRecords, requestDigest, requestText } from './audit/request-text.ts';
import { type Call, readOf } from './call.ts';
import type { CanonicalRequest } from './canonicalise/canonical-request.ts';
import { propertiesUnder } from './classify/properties.ts';
import { describeUnknown } from './classify/suggest-row.ts';
import type { Claims } from './decide/claims.ts';
import type { ActivePolicies, Consider } from './decide/consider.ts';
import type { Verdict } from './decide/decide.ts';
import type { Lanes } from './decide/lanes.ts';
import { proxyErrors } from './errors.ts';
import { matchesIfMatch, strongETag } from './filter/etag.ts';
import { filterAnswer } from './filter/filter-answer.ts';
import { dropHiddenMetrics, type Shown } from './filter/metric-values.ts';
import { parseQueryOptions } from './filter/query-options.ts';
import { wasNotSent } from './forward/bmc-fault.ts';
import { type BmcTasks, isMonitor } from './forward/bmc-tasks.ts';
import {
	canPass,
	type OwnAnswer,
	type Posts,
	pass,
	perform,
	performOwn,
	renderResource,
	renderSight,
	type Sight,
} from './forward/perform.ts';
import { verdictUnder } from './governance/break-glass.ts';
import type { Windows } from './governance/windows.ts';
import type { Operation } from './policy/policy-set.ts';
import { durably } from './record.ts';
import { showChange } from './show-change.ts';
import { widen } from './widen.ts';

export interface MediatorDeps {
	/** The policies in force. */
	readonly policies: () => ActivePolicies;
	readonly consider: Consider;
	readonly waiting: WaitingRequests;
	readonly bmcTasks: BmcTasks;
	/** Resources that the proxy has in place of the BMC's. */
	readonly own: OwnResources;
	readonly audit: AuditLog;
	readonly lanes: Lanes;
	readonly claims: Claims;
	readonly clock: Clock;
	/** Called after a request that may have changed a BMC: what was read of it before is stale. */
	readonly onChanged: (bmc: string) => void;
	/** Counts a use of the party's open break-glass window, if there is one that lets this through. */
	readonly breakGlass?: Pick<Windows, 'use' | 'mayUse'> | undefined;
	/** The denial that comes whatever the body says: decide/consider.ts. */
	readonly considerHead: (
		policies: ActivePolicies,
		operations: readonly Operation[],
		call: Call,
	) => Promise<(Verdict & { kind: 'deny' }) | undefined>;
}

/** Resources of the proxy's own, decided on and filtered like any other. */
export interface OwnResources {
	has(request: CanonicalRequest): boolean;
	/** What would come of it, were nothing filtered; throws a BimetalError. */
	answer(call: Call): Promise<OwnAnswer>;
}

/** An authenticated, canonical call from decision to answer. */
export interface Mediator {
	/** Answers, or throws a BimetalError; 'passed' when the answer was written to `to` as it came. */
	mediate(call: Call, to: ServerResponse): Promise<Answer | 'passed'>;
	/** The same, with the answer always kept whole. */
	answer(call: Call): Promise<Answer>;
	/**
	 * Decides, puts that on the record and sends nothing: for what goes on for as long as it lasts (a stream of events).
	 * Such a thing cannot wait for others and no break-glass window lets it through: either makes it denied.
	 */
	decide(call: Call): Promise<Verdict & { kind: 'execute' | 'deny' }>;
	/**
	 * Before the body of a large request is received: throws when it will be denied whatever is in it. What this lets by
	 * is decided on by `mediate`, once it is whole.
	 */
	admit(head: Call): Promise<void>;
	/**
	 * Decides on a console that is to be opened: the verdict when it may be now, or the 202 of a request that waits for
	 * others. Throws when it is denied. Whoever gets a verdict with a claim opens the console or releases the claim.
	 */
	open(call: Call): Promise<Admission>;
	/** What an operator would be shown of a resource at once; undefined when nothing. Throws when it cannot be read. */
	look(call: Call): Promise<Sight | undefined>;
	/** What the answer to a change, or the result of the task that it began, shows this operator. */
	show(call: Call, sight: Sight): Promise<Sight>;
	/**
	 * Executes a request that waited, decided again just before; the answer is its requester's. `beforeSending` is
	 * awaited when all else is done: from then on it may have been executed. When it rejects, nothing is sent.
	 */
	execute(call: Call, verdict: Verdict & { kind: 'execute' }, beforeSending: BeforeSending): Promise<Answer>;
}

/** Awaited when all but the sending is done. */
type BeforeSending = () => Promise<unknown>;

export type Admission =
	| {
			readonly kind: 'open';
			readonly verdict: Verdict & { kind: 'execute' };
			/** The number of the decision's record. */
			readonly decision: number | undefined;
	  }
	| { readonly kind: 'wait'; readonly answer: Answer };

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

	const requireAudit = (): void => {
		if (!audit.healthy()) throw proxyErrors.AuditUnavailable('decisions cannot be recorded, so none is made');
	};

	/** A decision is on the record before anything follows from it; what changes a BMC waits for the disk. */
	const recordDecision = (
		call: Call,
		operations: readonly Operation[],
		verdict: Verdict,
		policies: ActivePolicies,
		held?: RequestDocument,
	): { durable: Promise<void>; seq?: number; taken?: Promise<void> } => {
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
		requireAudit();
		const policies = deps.policies();
		const operations = classify(policies, call);
		// What is the proxy's own is answered before or by `own`; of the rest only an own task's result is left.
		const isOwn =
			call.request.method !== 'WEBSOCKET' && operations.some(({ handledBy }) => handledBy === 'proxy');
		if (isOwn && !deps.own.has(call.request)) await deps.bmcTasks.requireOwner(call);
		// Who merely looks something up for another request claims nothing.
		const claim = how.mayOverride === true;
		const decided = await deps.consider(policies, operations, call, [call.operator], { claim });
		const verdict = how.mayOverride ? await override(call, policies, operations, decided) : decided;
		if (verdict.kind === 'wait') return { verdict, policies, operations }; // recorded once it has an id
		const recorded = recordDecision(call, operations, verdict, policies);
		if (isRead(call)) {
			recorded.durable.catch(noted);
			if (recorded.taken) await durably({ durable: recorded.taken });
		} else {
			await recorded.durable.catch(fault => {
				if (verdict.kind === 'execute') verdict.claim?.release();
				throw fault;
			});
		}
		return { verdict, policies, operations, decision: recorded.seq };
	};

	/** What the proxy itself hides of the BMC's tasks comes on top of the parties' post-policies. */
	const withOwnPosts = async (call: Call, posts: Posts): Promise<Posts> => {
		if (call.request.segments[2] === 'TaskService')
			return [...posts, ...(await deps.bmcTasks.postsFor(call))];
		// Values in reports are hidden by what they are values of: such an answer is never passed on as it comes.
		return namesSources(call) && posts.length === 0 ? [[]] : posts;
	};

	const performed = async (call: Call, posts: Posts, ifMatch: string | undefined): Promise<Sight> => {
		if (deps.own.has(call.request)) return performOwn(call, posts, request => deps.own.answer(request));
		const sight = await perform(call, posts, ifMatch);
		if (!namesSources(call) || sight.status !== 200 || sight.json === undefined) return sight;
		const json = await dropHiddenMetrics(sight.json, path => seeSource(call, path));
		if (json === sight.json) return sight;
		const bytes = Buffer.from(JSON.stringify(json));
		return { ...sight, json, bytes, etag: strongETag(bytes) };
	};

	/** Another resource as this operator would see it, on no record: only what is shown of it elsewhere depends on it. */
	const seeSource = async (call: Call, path: string): Promise<Shown | undefined> => {
		const posts = await postsOfReading(call, path);
		if (posts === undefined || posts.length === 0) return posts && 'all';
		const whole = await call.bmc.read(path).catch(() => undefined);
		if (whole === undefined) return undefined;
		const { hidden, answer } = filterAnswer({ answer: whole, posts });
		return hidden ? undefined : { whole, shown: answer };
	};

	const admit = async (call: Call): Promise<void> => {
		requireAudit();
		const policies = deps.policies();
		const operations = classify(policies, call);
		const denied = await deps.considerHead(policies, operations, call);
		if (!denied || (await deps.breakGlass?.mayUse(call.operator, operations))) return;
		await recordDecision(call, operations, denied, policies).durable;
		throw proxyErrors.PolicyDenied(denied.reason);
	};

	/** What this operator would see of another resource; undefined when it would not be shown at once. */
	const look = async (call: Call): Promise<Sight | undefined> => {
		const { verdict } = await decideOn(call).catch(fault => {
			if (fault instanceof BimetalError && fault.status < 500) return { verdict: undefined };
			throw fault;
		});
		// A task monitor that is merely looked at would have given away its result.
		if (verdict?.kind !== 'execute' || isMonitor(call.request.path)) return undefined;
		const sight = await performed(call, await withOwnPosts(call, verdict.posts), undefined);
		return sight.status === 200 ? sight : undefined;
	};

	/** The post-policies under which this operator would read a path at once; undefined when it would not. */
	const postsOfReading = async (call: Call, path: string): Promise<Posts | undefined> => {
		const policies = deps.policies();
		const read = readOf(call, path);
		const found = policies.classify(read.request);
		if (found.kind !== 'known') return undefined;
		const verdict = await deps.consider(policies, found.operations, read, [call.operator]);
		return verdict.kind === 'execute' ? withOwnPosts(read, verdict.posts) : undefined;
	};

	/**
	 * The BMC's tag for the tag that this operator was shown (bypasses: the tag of a masked resource is an oracle). To
	 * whom nothing is hidden the BMC's own tags are shown, and it compares them itself.
	 */
	const mapIfMatch = async (call: Call): Promise<{ tag: string | undefined; isOurs: boolean }> => {
		const condition = call.request.ifMatch;
		if (condition === undefined || condition.trim() === '*') return { tag: condition, isOurs: false };
		const sight = await look(readOf(call, call.request.path));
		if (sight && !sight.isFiltered) return { tag: condition, isOurs: false };
		if (sight?.etag === undefined || !matchesIfMatch(condition, sight.etag)) throw preconditionFailed();
		return { tag: sight.bmcEtag, isOurs: true };
	};

	/** A change under the tag that its client was shown; what changed in between of what is hidden is not its matter. */
	const performIfMatch = async (
		call: Call,
		posts: Posts,
		beforeSending: BeforeSending | undefined,
	): Promise<Sight> => {
		for (let attempt = 1; ; attempt++) {
			const { tag, isOurs } = await mapIfMatch(call);
			if (attempt === 1) await beforeSending?.();
			const sight = await performed(call, posts, tag);
			if (sight.status !== 412 || !isOurs) return sight;
			if (attempt >= maxAttempts) throw preconditionFailed();
		}
	};

	const read = async (
		call: Call,
		decided: Posts,
		to: ServerResponse | undefined,
		beforeSending?: BeforeSending,
	): Promise<Answer | 'passed'> => {
		const { ifMatch } = call.request;
		await beforeSending?.();
		if (isMonitor(call.request.path)) {
			const { answer } = await deps.bmcTasks.collect(call);
			if (answer.status === 404 && !answer.body) throw proxyErrors.NotFound('there is no such resource');
			return answer;
		}
		const posts = await withOwnPosts(call, decided);
		const allow = () => deps.policies().classify.methodsAt(call.request.segments).join(', ');
		const passes = to && canPass(call, posts) && !deps.own.has(call.request);
		if (passes && (await pass(call, to, ifMatch, allow))) return 'passed';
		const sight = await performed(call, posts, undefined);
		if (sight.status !== 200) return renderSight(call, sight);
		const widened = await widen(call, sight, look);
		if (ifMatch !== undefined && !matchesIfMatch(ifMatch, widened.etag ?? '')) throw preconditionFailed();
		return renderResource(call, widened, allow);
	};

	const show = async (call: Call, sight: Sight): Promise<Sight> => {
		const shown = await showChange(call, sight, path => postsOfReading(call, path));
		if (shown.json === undefined) return shown;
		const json = await dropHiddenMetrics(shown.json, path => seeSource(call, path));
		return json === shown.json ? shown : { ...shown, json, bytes: undefined, etag: undefined };
	};

	/** A change is seen through to its end, though its client may go: only then is its lane free again. */
	const change = async (call: Call, posts: Posts, beforeSending?: BeforeSending): Promise<Answer> => {
		const { request, bmc } = call;
		const work = () => performIfMatch(call, posts, beforeSending);
		try {
			// Between the look at a tag and the change nothing else comes through, where the BMC has no tags of its own.
			const sight = isEdit(request.method)
				? await deps.lanes.run(`resource ${bmc.target.name} ${request.path}`, work)
				: await work();
			if (sight.status === 202) await deps.bmcTasks.began(call, sight, posts);
			return renderSight(call, await show(call, sight));
		} finally {
			deps.onChanged(bmc.target.name);
		}
	};

	const send = (
		call: Call,
		posts: Posts,
		to: ServerResponse | undefined,
		beforeSending?: BeforeSending,
	): Promise<Answer | 'passed'> =>
		isRead(call) ? read(call, posts, to, beforeSending) : change(call, posts, beforeSending);

	/** Sends what has a claim, once that is on disk; what certainly was not executed holds it no longer. */
	const sendClaimed = async (
		call: Call,
		{ posts, claim }: Verdict & { kind: 'execute' },
		to: ServerResponse | undefined,
		beforeSending?: BeforeSending,
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
				call.kept?.keep();
				await recordDecision(call, operations, verdict, policies, held).durable;
				return accepted(held, call.prefix);
			}
			case 'deny':
				throw proxyErrors.PolicyDenied(verdict.reason + describeFailed(call, operations, verdict));
		}
	};

	const open = async (call: Call): Promise<Admission> => {
		const { verdict, policies, operations, decision } = await decideOn(call, { mayOverride: true });
		switch (verdict.kind) {
			case 'execute':
				await verdict.claim?.durable.catch(cause => {
					throw proxyErrors.AuditUnavailable('what it would hold could not be kept, so nothing was done', {
						cause,
					});
				});
				return { kind: 'open', verdict, decision };
			case 'wait': {
				const held = await waiting.hold(call, verdict, { operations, policyVersion: policies.set.version });
				await recordDecision(call, operations, verdict, policies, held).durable;
				return { kind: 'wait', answer: accepted(held, call.prefix) };
			}
			case 'deny':
				throw proxyErrors.PolicyDenied(verdict.reason);
		}
	};

	const mediate = async (call: Call, to: ServerResponse | undefined): Promise<Answer | 'passed'> => {
		parseQueryOptions(call.request.query); // throws before anything is asked of anybody
		const inLane = !isRead(call) && readsShared(call);
		return inLane
			? deps.lanes.run(`rack ${call.bmc.target.rack}`, () => answerTo(call, to))
			: answerTo(call, to);
	};

	const kept = (answer: Answer | 'passed'): Answer => {
		if (answer === 'passed') throw new Error('an answer without a client to pass it to was passed on');
		return answer;
	};
	const decideAlone: Mediator['decide'] = async call => {
		const { verdict, policies, operations } = await decideOn(call);
		if (verdict.kind !== 'wait') return verdict;
		const needs = verdict.needs.map(parties => parties.join(' and ')).join(', or ');
		const names = operations.map(({ name }) => `"${name}"`).join(' and ');
		const reason = `${names} needs ${needs} as well, and what goes on for as long as it lasts cannot wait for others`;
		const denied = { kind: 'deny', reason, policies: verdict.policies } as const;
		recordDecision(call, operations, denied, policies).durable.catch(noted);
		return denied;
	};

	return {
		mediate,
		decide: decideAlone,
		admit,
		open: call =>
			readsShared(call) ? deps.lanes.run(`rack ${call.bmc.target.rack}`, () => open(call)) : open(call),
		answer: async call => kept(await mediate(call, undefined)),
		look,
		show,
		execute: async (call, verdict, beforeSending) =>
			kept(await sendClaimed(call, verdict, undefined, beforeSending)),
	};
}

/** Of a PATCH over several rows, the properties for which it is denied. */
function describeFailed(
	{ request }: Call,
	operations: readonly Operation[],
	{ failed = [] }: Verdict & { kind: 'deny' },
): string {
	if (request.method !== 'PATCH' || failed.length === operations.length) return '';
	const rows = operations.filter(({ name }) => failed.includes(name));
	const names = rows.flatMap(({ properties }) => propertiesUnder(request.body, properties));
	return names.length === 0 ? '' : `. The whole is denied for ${names.join(', ')}; a request is never split`;
}

/** Nothing more to do: `healthy` has turned false, and the next decision is refused. */
const noted = (): void => undefined;

/** How often a change is tried whose target keeps changing in what its client does not see. */
const maxAttempts = 4;

const preconditionFailed = () =>
	proxyErrors.PreconditionFailed('the resource has changed since you read it, or is not yours to see');

const isEdit = (method: string): boolean => method === 'PATCH' || method === 'PUT' || method === 'DELETE';

const telemetry = new Set(['MetricReports', 'MetricReportDefinitions', 'Triggers']);

/** What repeats values of other resources, or names them as its sources. */
const namesSources = ({ request: { method, segments } }: Call): boolean =>
	segments[2] === 'TelemetryService' &&
	telemetry.has(segments[3] ?? '') &&
	(method === 'GET' || method === 'HEAD');

export const isRead = ({ request }: Call): boolean => request.method === 'GET' || request.method === 'HEAD';
