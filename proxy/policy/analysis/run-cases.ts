import { isDeepStrictEqual } from 'node:util';
import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import { compileClassifier } from '../../classify/classify.ts';
import { decide, type Verdict } from '../../decide/decide.ts';
import { filterAnswer } from '../../filter/filter-answer.ts';
import type { PolicyCase, PolicyCases } from '../cases-file.ts';
import type { Facts } from '../facts.ts';
import type { PolicySet, SourceLocation } from '../policy-set.ts';
import { requestOf } from './sample-request.ts';

export interface CaseResult {
	readonly name: string;
	readonly where: SourceLocation;
	/** The rows that the request falls under. */
	readonly operations: readonly string[];
	/** Undefined: as expected. */
	readonly failure: string | undefined;
}

export interface CaseReport {
	readonly results: readonly CaseResult[];
	/** Operations without a case and without an exemption. */
	readonly uncovered: readonly { readonly operation: string; readonly where: SourceLocation }[];
	/** Exemptions that are none: the operation has a case, or there is no such operation. */
	readonly stale: readonly {
		readonly operation: string;
		readonly where: SourceLocation;
		readonly why: string;
	}[];
	readonly exempt: number;
}

/** Runs cases by the same classifier, decision and filter as the proxy's. Pure. */
export function runCases(set: PolicySet, { cases, exempt }: PolicyCases): CaseReport {
	const classify = compileClassifier(set);
	const results = cases.map((each): CaseResult => {
		const request = requestOfCase(each);
		const found = classify(request);
		const operations = found.kind === 'known' ? found.operations : [];
		const verdict: Verdict =
			found.kind === 'known'
				? decide({
						operations,
						authorizations: new Set([each.by, ...each.approved]),
						facts: factsOfCase(each, request),
					})
				: { kind: 'deny', reason: found.reason, policies: [] };
		return {
			name: each.case,
			where: each.where,
			operations: operations.map(({ name }) => name),
			failure: compareVerdict(each, verdict) ?? compareAnswer(each, verdict),
		};
	});
	const covered = new Set(results.flatMap(({ operations }) => operations));
	const exempted = new Set(exempt.map(({ operation }) => operation));
	return {
		results,
		exempt: exempt.length,
		uncovered: set.operations
			.filter(({ name }) => !covered.has(name) && !exempted.has(name))
			.map(({ name, where }) => ({ operation: name, where })),
		stale: exempt.flatMap(({ operation, where }) => {
			if (covered.has(operation)) return [{ operation, where, why: 'it has a case' }];
			const isKnown = set.operations.some(({ name }) => name === operation);
			return isKnown ? [] : [{ operation, where, why: 'there is no such operation' }];
		}),
	};
}

function requestOfCase({ request, body }: PolicyCase): CanonicalRequest {
	const [method = '', path = ''] = request.split(' ');
	return requestOf(method as CanonicalRequest['method'], path.slice(1).split('/'), body);
}

function factsOfCase(
	{ facts, image, by, operator, bmc, rack }: PolicyCase,
	request: CanonicalRequest,
): Facts {
	return {
		Request: {
			Method: request.method,
			Path: request.path,
			Operation: '',
			Bmc: bmc,
			Rack: rack,
			Party: by,
			Operator: operator ?? `${by.toLowerCase()}-operator`,
			Body: request.body ?? null,
			Image: image,
		},
		Resource: facts.Resource,
		External: Object.fromEntries(
			Object.entries(facts.External).map(([name, value]) => [name, { status: 'fresh', value, asOf: 0 }]),
		),
		Time: facts.Time === undefined ? undefined : Date.parse(facts.Time),
		Executions: facts.Executions?.map(each => ({ ...each, At: Date.parse(each.At) })),
	};
}

function compareVerdict({ expect }: PolicyCase, verdict: Verdict): string | undefined {
	const came = `it ${verdictText(verdict)}`;
	if ('executes' in expect) {
		return verdict.kind === 'execute' && verdict.clause === expect.executes
			? undefined
			: `expected to execute under "${expect.executes}"; ${came}`;
	}
	if ('waits' in expect) {
		const wanted = [expect.waits].flat().map(text => text.split(' and ').sort());
		return verdict.kind === 'wait' && isDeepStrictEqual(sorted(verdict.needs), sorted(wanted))
			? undefined
			: `expected to wait for ${[expect.waits].flat().join(', or ')}; ${came}`;
	}
	return verdict.kind === 'deny' && verdict.reason.includes(expect.denied)
		? undefined
		: `expected to be denied because of "${expect.denied}"; ${came}`;
}

const sorted = (needs: readonly (readonly string[])[]): string[] =>
	needs.map(need => need.join(' and ')).sort();

function verdictText(verdict: Verdict): string {
	switch (verdict.kind) {
		case 'execute':
			return `executes under "${verdict.clause}"`;
		case 'wait': {
			const why = verdict.policies.filter(({ holds }) => !holds).map(({ reason }) => reason);
			return `waits for ${sorted(verdict.needs).join(', or ')}${why.length > 0 ? ` (${why.join('; ')})` : ''}`;
		}
		case 'deny':
			return `is denied: ${verdict.reason}`;
	}
}

function compareAnswer({ answer, shown }: PolicyCase, verdict: Verdict): string | undefined {
	if (answer === undefined && shown === undefined) return undefined;
	if (answer === undefined || shown === undefined) return 'answer and shown belong together';
	if (verdict.kind !== 'execute') return 'what is not executed has no answer';
	const filtered = filterAnswer({ answer, posts: verdict.posts });
	const real = filtered.hidden ? 'hidden' : filtered.answer;
	return isDeepStrictEqual(real, shown)
		? undefined
		: `expected to show ${JSON.stringify(shown)}; it shows ${JSON.stringify(real)}`;
}
