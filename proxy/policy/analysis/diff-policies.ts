import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import { compileClassifier } from '../../classify/classify.ts';
import type { Facts } from '../facts.ts';
import type { Operation, PolicySet } from '../policy-set.ts';
import { findDifferences } from './find-differences.ts';
import { conditionKey } from './formula.ts';
import { type Outcome, outcomeText } from './outcome.ts';
import { requestsOf, rowsOf } from './requests-covered.ts';
import { memberChanges, type RowChange, rowChanges } from './row-changes.ts';
import { factsText, requestText } from './sample-request.ts';

/** A request of one party that comes out otherwise, with facts on which the two really differ. */
export interface OutcomeChange {
	readonly operation: string;
	readonly party: string;
	readonly request: CanonicalRequest;
	readonly facts: Facts;
	readonly before: Outcome;
	readonly after: Outcome;
}

/** Answers that are shown to one party otherwise than before. */
export interface SightChange {
	readonly operation: string;
	readonly party: string;
	readonly request: CanonicalRequest;
	readonly sees: 'more' | 'less' | 'otherwise';
	/** Masks and predicates that no longer apply. */
	readonly gone: readonly string[];
	readonly added: readonly string[];
}

export interface PolicyDiff {
	readonly rows: readonly RowChange[];
	readonly outcomes: readonly OutcomeChange[];
	readonly sights: readonly SightChange[];
	/** Requests of which it could not be told whether they come out otherwise. */
	readonly undecided: readonly {
		readonly request: CanonicalRequest;
		readonly party: string;
		readonly why: string;
	}[];
}

/**
 * Which requests change their outcome from one policy set to another: every kind of request that a row of either
 * covers, by every party, for each way in which the policies that differ can come out. Pure.
 */
export function diffPolicies(before: PolicySet, after: PolicySet, parties: readonly string[]): PolicyDiff {
	const old = compileClassifier(before);
	const now = compileClassifier(after);
	const outcomes: OutcomeChange[] = [];
	const sights: SightChange[] = [];
	const undecided: { request: CanonicalRequest; party: string; why: string }[] = [];
	for (const request of requestsOf([before, after])) {
		const rows = { before: rowsOf(old, request), after: rowsOf(now, request) };
		if (rows.before.map(decides).join('\n') === rows.after.map(decides).join('\n')) continue;
		const operation = (rows.after[0] ?? rows.before[0])?.name ?? '';
		for (const party of parties) {
			const found = findDifferences(request, party, rows, { before: old, after: now });
			if (found.undecided !== undefined) undecided.push({ request, party, why: found.undecided });
			for (const { facts, before: was, after: is } of found.differences) {
				if (was.kind === 'execute' && is.kind === 'execute') {
					const change = sightChange(was.posts.map(text), is.posts.map(text));
					if (change) sights.push({ operation, party, request, ...change });
				} else outcomes.push({ operation, party, request, facts, before: was, after: is });
			}
		}
	}
	return {
		rows: [...rowChanges(before, after), ...memberChanges(before, after)],
		outcomes,
		sights: unique(sights),
		undecided,
	};
}

/** All of a row that its decisions and filters follow from. */
function decides({ name, authorization, policies, handledBy }: Operation): string {
	return JSON.stringify([
		name,
		handledBy,
		authorization.closed,
		authorization.clauses,
		[...policies]
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([party, { pre, post }]) => [party, pre ? conditionKey(pre) : null, post.map(text).sort()]),
	]);
}

const text = ({ source }: { readonly source: string }): string => source;

function sightChange(
	was: readonly string[],
	is: readonly string[],
): Pick<SightChange, 'sees' | 'gone' | 'added'> | undefined {
	const gone = was.filter(source => !is.includes(source));
	const added = is.filter(source => !was.includes(source));
	if (gone.length === 0 && added.length === 0) return undefined;
	const sees = added.length === 0 ? 'more' : gone.length === 0 ? 'less' : 'otherwise';
	return { sees, gone, added };
}

/** A row's patterns all show the change; one of them says it. */
function unique(sights: readonly SightChange[]): readonly SightChange[] {
	const found = new Map<string, SightChange>();
	for (const sight of sights) {
		const key = JSON.stringify([sight.operation, sight.party, sight.gone, sight.added]);
		if (!found.has(key)) found.set(key, sight);
	}
	return [...found.values()];
}

/** One change as lines: what it is, then an example. */
export function outcomeChangeText({
	party,
	request,
	facts,
	before,
	after,
}: OutcomeChange): readonly string[] {
	const sent = { ...request, body: facts.Request.Body ?? undefined };
	return [
		`${requestText(sent)} by ${party}: ${outcomeText(before)} → ${outcomeText(after)}`,
		...factsText(facts).filter(line => !line.startsWith('Request.Body')),
	];
}
