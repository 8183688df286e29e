import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import { type Classify, compileClassifier } from '../../classify/classify.ts';
import type { Operation, PatternSegment, PolicySet, RequestPattern } from '../policy-set.ts';
import type { Finding } from './findings.ts';
import { requestOf, requestText, sampleRequest } from './sample-request.ts';

/** What can be said of the table as a whole, whatever the policies. Pure. */
export function findInTable(set: PolicySet, served: readonly CanonicalRequest[]): readonly Finding[] {
	const classify = compileClassifier(set);
	return [...weakerRows(set, classify), ...withoutRow(served, classify)];
}

/** Requests that a BMC serves and that nobody can make, because no row covers them. */
function withoutRow(served: readonly CanonicalRequest[], classify: Classify): readonly Finding[] {
	return served.flatMap((request): Finding[] => {
		const found = classify(request);
		if (found.kind !== 'unknown') return [];
		return [
			{
				kind: 'no-row',
				level: 'warning',
				operation: null,
				where: undefined,
				message: `no row covers ${requestText(request)}, which OpenBMC serves`,
				example: [
					'it is denied to everybody; a row for it, with a p2c that asks for everybody:',
					...(found.row?.split('\n') ?? []),
				],
			},
		];
	});
}

/**
 * Requests that two rows' patterns match, and that fall under the one which asks for less: `/Managers/bmc/**` takes
 * what is below it from `/Managers/{manager}/Truststore/Certificates`.
 */
function weakerRows(set: PolicySet, classify: Classify): readonly Finding[] {
	const findings: Finding[] = [];
	const all = set.operations.flatMap(operation => operation.matches.map(pattern => ({ operation, pattern })));
	for (const strict of all) {
		for (const lax of all) {
			if (strict.operation === lax.operation || strict.pattern.method !== lax.pattern.method) continue;
			const alone = aloneIn(lax.operation).find(party => !aloneIn(strict.operation).includes(party));
			if (alone === undefined) continue;
			const request = commonRequest(strict, lax);
			const found = request && classify(request);
			if (!request || found?.kind !== 'known') continue;
			if (found.operations.includes(strict.operation) || !found.operations.includes(lax.operation)) continue;
			findings.push({
				kind: 'weaker-row',
				level: 'warning',
				operation: strict.operation.name,
				where: lax.operation.where,
				message: `${JSON.stringify(lax.operation.name)} (${lax.operation.authorization.source}) takes requests from ${JSON.stringify(strict.operation.name)} (${strict.operation.authorization.source}), which ${alone} alone cannot make`,
				example: [
					`${requestText(request)} is matched by ${strict.pattern.source}`,
					`and falls under ${lax.pattern.source}, which is more specific further left`,
				],
			});
		}
	}
	return findings;
}

/** Parties of which some clause names nobody else. */
function aloneIn({ authorization }: Operation): readonly string[] {
	return authorization.clauses.flatMap(clause => {
		const [party, ...others] = new Set([...clause.authorizations, ...clause.policies]);
		return party !== undefined && others.length === 0 ? [party] : [];
	});
}

interface Covered {
	readonly operation: Operation;
	readonly pattern: RequestPattern;
}

/** A request that both rows match; undefined when there is none. */
function commonRequest(a: Covered, b: Covered): CanonicalRequest | undefined {
	const segments = commonSegments(a.pattern.segments, b.pattern.segments);
	if (!segments) return undefined;
	const [property] = a.operation.properties ?? b.operation.properties ?? [];
	if (a.operation.properties && b.operation.properties) return undefined;
	const { body } = sampleRequest(a.pattern, property);
	return requestOf(a.pattern.method, segments, body);
}

function commonSegments(a: readonly PatternSegment[], b: readonly PatternSegment[]): string[] | undefined {
	const segments: string[] = [];
	for (let i = 0; ; i++) {
		const [x, y] = [a[i], b[i]];
		if (!x && !y) return segments;
		// `**` stands for one segment or more.
		if (x?.kind === 'rest') return y ? [...segments, ...b.slice(i).map(textOf)] : undefined;
		if (y?.kind === 'rest') return x ? [...segments, ...a.slice(i).map(textOf)] : undefined;
		if (!x || !y) return undefined;
		if (x.kind === 'literal' && y.kind === 'literal' && x.text !== y.text) return undefined;
		segments.push(x.kind === 'literal' ? x.text : textOf(y));
	}
}

const textOf = (segment: PatternSegment): string => (segment.kind === 'literal' ? segment.text : 'any');
