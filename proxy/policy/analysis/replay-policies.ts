import type { CanonicalRequest, JsonValue } from '../../canonicalise/canonical-request.ts';
import { compileClassifier } from '../../classify/classify.ts';
import { decide, type Verdict } from '../../decide/decide.ts';
import { whoHasSpoken } from '../../decide/spoken.ts';
import type { Operation, PolicySet, PrePolicy } from '../policy-set.ts';
import { withTruth } from './outcome.ts';
import { type KnownPaths, type RecordedPolicy, truthFromRecord } from './recorded-values.ts';
import { factsOfRequest, requestOf } from './sample-request.ts';

/** A decision as the audit log has it. */
export interface RecordedDecision {
	readonly seq: number;
	/** ISO 8601. */
	readonly time: string;
	readonly requestId: string | null;
	readonly operator: string;
	readonly party: string;
	readonly bmc: string;
	readonly method: string;
	readonly path: string;
	readonly verdict: 'execute' | 'wait' | 'deny';
	readonly clause: string | null;
	readonly policies: readonly RecordedPolicy[];
	/** JSON; undefined where the record has none, or not all of it. */
	readonly body: JsonValue | undefined;
	/** `Request.Image` of an upload. */
	readonly image?: JsonValue | undefined;
	/** Whether there was none, or all of it is on record without a secret taken out. */
	readonly isBodyWhole: boolean;
	/** Operators who had authorized it by then, the requester first. */
	readonly authorizers: readonly { readonly name: string; readonly party: string }[];
	/** It was let through against the policies. */
	readonly isBreakGlass: boolean;
}

export interface Replayed {
	readonly decision: RecordedDecision;
	/** What the new policies would have said; several where the record does not tell which. */
	readonly verdicts: readonly RecordedDecision['verdict'][];
	readonly detail: string;
}

export interface Replay {
	/** Decisions that would have been others. */
	readonly changed: readonly Replayed[];
	readonly same: number;
	/** Decisions of which the record does not say enough, with the reason. */
	readonly open: readonly { readonly decision: RecordedDecision; readonly why: string }[];
}

/** More unknown policies than this on one request are not tried out. */
const maxUnknown = 6;

/**
 * What a policy set would have decided on what is on record. A policy whose values are not there is tried both ways:
 * where that makes no difference the decision is known all the same. Pure.
 */
export function replayPolicies(set: PolicySet, decisions: readonly RecordedDecision[]): Replay {
	const classify = compileClassifier(set);
	const changed: Replayed[] = [];
	const open: { decision: RecordedDecision; why: string }[] = [];
	let same = 0;
	for (const decision of decisions) {
		const method = decision.method as CanonicalRequest['method'];
		const request = requestOf(method, decision.path.slice(1).split('/'), decision.body);
		const why = cannotReplay(decision);
		const found = classify(request);
		if (why !== undefined) open.push({ decision, why });
		else if (found.kind !== 'known') {
			if (decision.verdict === 'deny') same++;
			else changed.push({ decision, verdicts: ['deny'], detail: found.reason });
		} else {
			const { verdicts, detail, why: unknown } = decideOnRecord(set, found.operations, decision, request);
			if (!verdicts.includes(decision.verdict) && verdicts.length > 0)
				changed.push({ decision, verdicts, detail });
			else if (verdicts.length === 1) same++;
			else open.push({ decision, why: unknown });
		}
	}
	return { changed, same, open };
}

function cannotReplay({ method, isBodyWhole, isBreakGlass }: RecordedDecision): string | undefined {
	if (isBreakGlass) return 'it was let through by break-glass, not by policies';
	if (method === 'PATCH' && !isBodyWhole)
		return 'the body of the PATCH, which says what it changes, is not all on record';
	return undefined;
}

function decideOnRecord(
	set: PolicySet,
	operations: readonly Operation[],
	decision: RecordedDecision,
	request: CanonicalRequest,
): Omit<Replayed, 'decision'> & { readonly why: string } {
	const known = new Map<PrePolicy, boolean>();
	const unknown = new Map<PrePolicy, string>();
	for (const operation of operations) {
		for (const party of new Set(operation.authorization.clauses.flatMap(clause => clause.policies))) {
			const pre = operation.policies.get(party)?.pre;
			if (!pre) continue;
			const own = decision.policies.find(each => each.party === party && each.operation === operation.name);
			const truth = truthFromRecord(pre, own, decision.policies, pathsOf(decision, operation, request));
			if (truth === undefined) unknown.set(pre, `${party.toLowerCase()}.pre ${pre.source}`);
			else known.set(pre, truth);
		}
	}
	const why = `the values of ${[...unknown.values()].join(' and ')} are not on record`;
	if (unknown.size > maxUnknown) return { verdicts: [], detail: '', why };
	const authorizers = decision.authorizers.map(each => ({ ...each, person: each.name }));
	const occasion = request.method === 'GET' || request.method === 'HEAD' ? 'reads' : 'speaks';
	const { parties: authorizations } = whoHasSpoken(authorizers, set.members, occasion);
	const facts = factsOfRequest(request, decision.party);
	const possible = new Map<RecordedDecision['verdict'], string>();
	const open = [...unknown.keys()];
	for (let mask = 0; mask < 2 ** open.length; mask++) {
		const holds = (pre: PrePolicy) => known.get(pre) ?? Boolean(mask & (1 << open.indexOf(pre)));
		const verdict = decide({ operations: withTruth(operations, holds), authorizations, facts });
		if (!possible.has(verdict.kind)) possible.set(verdict.kind, verdictText(verdict));
	}
	return { verdicts: [...possible.keys()], detail: [...possible.values()].join(' or '), why };
}

function verdictText(verdict: Verdict): string {
	switch (verdict.kind) {
		case 'execute':
			return `executes under "${verdict.clause}"`;
		case 'wait':
			return `waits for ${verdict.needs.map(need => need.join(' and ')).join(', or ')}`;
		case 'deny':
			return 'is denied';
	}
}

function pathsOf(decision: RecordedDecision, operation: Operation, request: CanonicalRequest): KnownPaths {
	const { party, operator, bmc } = decision;
	const paths = new Map<string, JsonValue>([
		['Request.Method', request.method === 'HEAD' ? 'GET' : request.method],
		['Request.Path', request.path],
		['Request.Operation', operation.name],
		['Request.Bmc', bmc],
		['Request.Party', party],
		['Request.Operator', operator],
	]);
	const add = (name: string, value: JsonValue): void => {
		paths.set(name, value);
		if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
		for (const [key, below] of Object.entries(value)) add(`${name}.${key}`, below);
	};
	if (decision.image !== undefined) add('Request.Image', decision.image);
	if (decision.isBodyWhole) add('Request.Body', decision.body ?? null);
	return paths;
}
