import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import type { Classify } from '../../classify/classify.ts';
import { render, type Tree } from '../expression/tree.ts';
import type { Facts } from '../facts.ts';
import type { Operation, PrePolicy } from '../policy-set.ts';
import { findFacts, type Goal, type Search, type Situation } from './find-facts.ts';
import { conditionKey, replaceWhere, treeOf } from './formula.ts';
import { type Outcome, outcomeOf, withTruth } from './outcome.ts';
import { rowsOf } from './requests-covered.ts';
import { situationOfRequest, withOperation } from './situation.ts';

/** More policies than this on one request are too many ways to come out. */
const maxPolicies = 8;

interface Sides<T> {
	readonly before: T;
	readonly after: T;
}

export interface Difference extends Sides<Outcome> {
	readonly facts: Facts;
}

/** One difference for each pair of outcomes that one party's request can have before and after. */
export function findDifferences(
	request: CanonicalRequest,
	party: string,
	rows: Sides<readonly Operation[]>,
	classify: Sides<Classify>,
): { readonly differences: readonly Difference[]; readonly undecided: string | undefined } {
	const policies = policiesOf([...rows.before, ...rows.after]);
	if (policies.length > maxPolicies) {
		return { differences: [], undecided: `more than ${maxPolicies} policies count for it` };
	}
	// The request, with what the policies want in its body, must still be one of these rows.
	const isSame = (facts: Facts): boolean => {
		const sent = { ...request, body: facts.Request.Body ?? undefined };
		return same(rowsOf(classify.before, sent), rows.before) && same(rowsOf(classify.after, sent), rows.after);
	};
	const situation = situationOfRequest(request, party, isSame);
	const differences = new Map<string, Difference>();
	const open = new Map<string, string>();
	for (let mask = 0; mask < 2 ** policies.length; mask++) {
		const truths = new Map(policies.map(({ key }, i) => [key, Boolean(mask & (1 << i))]));
		const assume = (operations: readonly Operation[]) =>
			outcomeOf(
				operations.flatMap(operation =>
					withTruth([operation], pre => truths.get(keyOf(operation, pre)) ?? false),
				),
				party,
				situation.facts,
			);
		const pair = keyOfPair(assume(rows.before), assume(rows.after));
		if (pair === undefined || differences.has(pair)) continue;
		const goals = policies.map(({ pre, operation, key }) => ({
			pre,
			operation,
			holds: truths.get(key) ?? false,
		}));
		const search = searchWithGaps(goals, situation);
		if (search.kind === 'undecided') open.set(pair, search.why);
		if (search.kind !== 'found') continue;
		const found = {
			before: outcomeOf(rows.before, party, search.facts),
			after: outcomeOf(rows.after, party, search.facts),
		};
		// What the policies really say on these facts counts, not what was looked for.
		const real = keyOfPair(found.before, found.after);
		if (real !== undefined && !differences.has(real))
			differences.set(real, { facts: search.facts, ...found });
	}
	const left = [...open].filter(([pair]) => !differences.has(pair));
	return { differences: [...differences.values()], undecided: left[0]?.[1] };
}

/** Undefined where the two are the same for everybody. */
function keyOfPair(before: Outcome, after: Outcome): string | undefined {
	const [was, is] = [keyOfOutcome(before), keyOfOutcome(after)];
	return was === is ? undefined : `${was} → ${is}`;
}

function keyOfOutcome(outcome: Outcome): string {
	switch (outcome.kind) {
		case 'execute':
			return `execute ${outcome.posts
				.map(({ source }) => source)
				.sort()
				.join('\n')}`;
		case 'wait':
			return `wait ${JSON.stringify(outcome.needs)}`;
		case 'deny':
			return 'deny';
	}
}

interface Involved {
	readonly key: string;
	readonly pre: PrePolicy;
	readonly operation: Operation;
}

/** Conditions that can decide something, each text once. */
function policiesOf(rows: readonly Operation[]): readonly Involved[] {
	const found = new Map<string, Involved>();
	for (const operation of rows) {
		const asked = new Set(operation.authorization.clauses.flatMap(clause => clause.policies));
		for (const [party, { pre }] of operation.policies) {
			if (!pre || !asked.has(party)) continue;
			const key = keyOf(operation, pre);
			found.set(key, { key, pre, operation });
		}
	}
	return [...found.values()];
}

/** The same text gives the same truth, unless it asks which row it is for. */
function keyOf({ name }: Operation, pre: PrePolicy): string {
	const text = conditionKey(pre);
	return /\bRequest\.Operation\b|\bEXECUTED\(/.test(text) ? `${name}\n${text}` : text;
}

const same = (a: readonly Operation[], b: readonly Operation[]): boolean =>
	a.length === b.length && a.every((row, i) => row === b[i]);

/** A policy that does not hold may be false, or undecided because something that it reads is not there. */
function searchWithGaps(
	goals: readonly (Goal & { readonly operation: Operation })[],
	situation: Situation,
): Search {
	const bound = goals.map(goal => ({ ...goal, pre: forRow(goal.pre, goal.operation) }));
	const whole = findFacts(bound, situation);
	if (whole.kind === 'found') return whole;
	const holding = findFacts(
		bound.filter(({ holds }) => holds),
		situation,
	);
	if (holding.kind === 'found') {
		for (const facts of withGaps(holding.facts)) {
			const fits = bound.every(({ pre, holds }) => pre.evaluate(facts).holds === holds);
			if (fits && situation.accepts?.(facts) !== false) return { kind: 'found', facts };
		}
	}
	return whole;
}

/** The condition as it is asked for one row: what depends on the row is not the same in another one. */
function forRow(pre: PrePolicy, operation: Operation): PrePolicy {
	const name: Tree = { kind: 'literal', value: operation.name };
	const tree = replaceWhere(treeOf(pre), part => {
		if (part.kind === 'path' && render(part) === 'Request.Operation') return name;
		return part.kind === 'call' && part.name.name === 'EXECUTED'
			? { ...part, args: [...part.args, name] }
			: undefined;
	});
	const { executions } = pre.needs;
	const counted = executions?.map(each => ({ ...each, operation: each.operation ?? operation.name }));
	return {
		...pre,
		tree,
		needs: { ...pre.needs, ...(counted && { executions: counted }) },
		evaluate: facts => pre.evaluate(withOperation(facts, operation)),
	};
}

function* withGaps(facts: Facts): Generator<Facts> {
	yield facts;
	yield { ...facts, Resource: undefined };
	for (const name of Object.keys(facts.External)) {
		const { [name]: _gone, ...others } = facts.External;
		yield { ...facts, External: others };
	}
	yield { ...facts, Resource: undefined, External: {} };
}
