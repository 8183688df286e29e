import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import { propertiesUnder } from '../classify/properties.ts';
import {
	type DecisionInput,
	decide,
	type EvaluatedPolicy,
	evaluatePolicy,
	type Verdict,
} from '../decide/decide.ts';
import { hiddenExpression, seenBy } from '../decide/hidden-policies.ts';
import type { Clause, Operation, RequestPattern } from '../policy/policy-set.ts';
import type { ExplanationView } from './schemas.ts';

type RowView = ExplanationView['rows'][number];
type ClauseView = RowView['clauses'][number];

export interface ExplainInput extends DecisionInput {
	readonly request: CanonicalRequest;
	/** The party that is told; what others hide stays hidden from it. */
	readonly viewer: string;
}

/** What `decide` says, and for every row and clause why: the same input, nothing executed, nothing kept. Pure. */
export function explain(
	input: ExplainInput,
): Pick<ExplanationView, 'verdict' | 'summary' | 'needs' | 'lacking' | 'rows'> {
	const verdict = decide(input);
	return {
		verdict: verdict.kind,
		summary: summarise(verdict, input),
		needs: verdict.kind === 'wait' ? verdict.needs.map(need => [...need]) : [],
		lacking: verdict.kind === 'wait' ? { ...verdict.lacking } : {},
		rows: input.operations.map(operation => explainRow(operation, input)),
	};
}

function summarise(verdict: Verdict, { operations, request }: ExplainInput): string {
	switch (verdict.kind) {
		case 'execute': {
			const isOwn = operations.some(({ handledBy }) => handledBy === 'proxy');
			if (request.method === 'WEBSOCKET') return `It would be opened at once, under "${verdict.clause}".`;
			return isOwn
				? 'The proxy would answer it by itself.'
				: `It would be executed at once, under "${verdict.clause}".`;
		}
		case 'wait': {
			const needs = verdict.needs.map(need =>
				need.map(party => withLack(party, verdict.lacking[party])).join(' and '),
			);
			return `It would wait for ${needs.join(', or ')}.`;
		}
		case 'deny':
			return `It would be denied: ${verdict.reason}.`;
	}
}

const withLack = (party: string, lack: string | undefined): string =>
	lack === undefined ? party : `${party} (${lack})`;

function explainRow(operation: Operation, input: ExplainInput): RowView {
	const { request, viewer, facts } = input;
	const { authorization, properties } = operation;
	const parties = [...new Set(authorization.clauses.flatMap(clause => clause.policies))];
	const policies = new Map(
		seenBy(
			viewer,
			parties.map(party => evaluatePolicy(operation, party, facts)),
		).map(policy => [policy.party, policy]),
	);
	const holds = (clause: Clause) => clause.policies.every(party => policies.get(party)?.holds === true);
	const isAuthorized = (clause: Clause) =>
		clause.authorizations.every(party => input.authorizations.has(party));
	const taken = authorization.clauses.find(clause => isAuthorized(clause) && holds(clause));
	return {
		operation: operation.name,
		pattern: operation.matches.find(pattern => matches(pattern, request))?.source ?? '',
		properties: request.method === 'PATCH' ? propertiesUnder(request.body, properties) : null,
		p2c: authorization.source,
		handledBy: operation.handledBy,
		clauses: authorization.clauses.map((clause): ClauseView => {
			const outcome =
				clause === taken ? 'taken' : !holds(clause) ? 'fails' : isAuthorized(clause) ? 'behind' : 'waits';
			return {
				clause: clause.source,
				outcome,
				terms: [
					...clause.authorizations.map(party => explainAuthorization(party, input)),
					...clause.policies.map(party => explainTerm(party, policies.get(party))),
				],
				posts: clause.policies.flatMap(party => postsOf(operation, party, viewer)),
			};
		}),
		policies: [...policies.values()].map(({ party, expression, holds: value, reason, values }) => ({
			party,
			expression,
			holds: value,
			reason,
			values: values.map(each => ({ ...each })) as RowView['policies'][number]['values'],
		})),
	};
}

function explainAuthorization(
	party: string,
	{ authorizations, lacking }: ExplainInput,
): ClauseView['terms'][number] {
	const holds = authorizations.has(party);
	const lack = lacking?.(party);
	const why = holds
		? `${party} asks for it`
		: lack === undefined
			? `${party} has not authorized it`
			: `it lacks ${lack}`;
	return { term: party, holds, why };
}

function explainTerm(party: string, policy: EvaluatedPolicy | undefined): ClauseView['terms'][number] {
	return { term: party.toLowerCase(), holds: policy?.holds ?? false, why: policy?.reason ?? '' };
}

function postsOf(operation: Operation, party: string, viewer: string): ClauseView['posts'] {
	const policy = operation.policies.get(party);
	if (!policy || policy.post.length === 0) return [];
	if (policy.private && party !== viewer) return [{ party, rule: hiddenExpression }];
	return policy.post.map(({ source }) => ({ party, rule: source }));
}

function matches(pattern: RequestPattern, { method, segments }: CanonicalRequest): boolean {
	if (pattern.method !== (method === 'HEAD' ? 'GET' : method)) return false;
	const { segments: own } = pattern;
	const hasRest = own.at(-1)?.kind === 'rest';
	if (hasRest ? segments.length < own.length : segments.length !== own.length) return false;
	return own.every(
		(segment, i) => segment.kind === 'rest' || segment.kind === 'variable' || segment.text === segments[i],
	);
}
