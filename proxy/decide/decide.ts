import type { Facts } from '../policy/facts.ts';
import type { Clause, Operation, PartyPolicy, PostPolicy, PreResult } from '../policy/policy-set.ts';
import type { Claim } from './claims.ts';
import { seenBy } from './hidden-policies.ts';

/** One party's policy for one operation, as it came out on the facts of the decision. */
export interface EvaluatedPolicy extends PreResult {
	readonly party: string;
	readonly operation: string;
	/** The expression; `(no condition)` or `(no policy)` where the party wrote none. */
	readonly expression: string;
	/** Its party hides it: others may learn whether it holds, and nothing else (hidden-policies.ts). */
	readonly private?: boolean;
}

export type Verdict =
	| {
			readonly kind: 'execute';
			/** The clause taken, one for each operation, for people: `CP and hso`. */
			readonly clause: string;
			/** The break-glass window without which it would not have been taken. */
			readonly breakGlass?: string;
			/** What it holds of quantities that others share, where it was decided on to be executed. */
			readonly claim?: Claim;
			/** The post-policies to apply, one list for each party in lower case in a clause taken. */
			readonly posts: readonly (readonly PostPolicy[])[];
			readonly policies: readonly EvaluatedPolicy[];
	  }
	| {
			readonly kind: 'wait';
			/** Alternatives, fewest parties first: the parties whose authorization would complete the request. */
			readonly needs: readonly (readonly string[])[];
			/** By party in `needs`, where not any operator will do: `one more of security`. */
			readonly lacking: Readonly<Record<string, string>>;
			/** By row that is not satisfied, what would complete that row: `needs` is what completes them all. */
			readonly open: Readonly<Record<string, readonly (readonly string[])[]>>;
			readonly policies: readonly EvaluatedPolicy[];
	  }
	| {
			readonly kind: 'deny';
			/** For people, whoever they are: the rule, the party and the expression that failed, unless it is private. */
			readonly reason: string;
			/** The rows that no clause can satisfy. */
			readonly failed?: readonly string[];
			readonly policies: readonly EvaluatedPolicy[];
	  };

export interface DecisionInput {
	/** Every row that the request falls under: all of them must be satisfied. */
	readonly operations: readonly Operation[];
	/** Parties that have spoken for this very request, by those who made or approved it. */
	readonly authorizations: ReadonlySet<string>;
	/** Who of a party must still authorize; undefined where any operator will do. */
	readonly lacking?: (party: string) => string | undefined;
	/** What the policies see; `Request.Operation` is filled in here for each row. */
	readonly facts: Facts;
}

/**
 * The decision, pure: the same input always gives the same verdict. A request satisfies a row by the first of
 * its clauses, in written order, whose parties have authorized and whose policies hold. Where no clause holds
 * it waits, if some clause lacks nothing but authorizations; a clause whose policy fails now is no way out.
 */
export function decide(input: DecisionInput): Verdict {
	// A handful at most: looking through them is faster than a map of them.
	const policies: EvaluatedPolicy[] = [];
	const holds = (operation: Operation, party: string): boolean => {
		for (const known of policies) {
			if (known.party === party && known.operation === operation.name) return known.holds;
		}
		const result = evaluatePolicy(operation, party, input.facts);
		policies.push(result);
		return result.holds;
	};

	const taken: Clause[] = [];
	const posts: (readonly PostPolicy[])[] = [];
	const failed: Operation[] = [];
	const open: Record<string, readonly (readonly string[])[]> = {};
	let needs: (readonly string[])[] = [[]];
	for (const operation of input.operations) {
		const clauses = operation.authorization.closed ? [] : operation.authorization.clauses;
		const satisfied = clauses.find(
			clause =>
				clause.authorizations.every(party => input.authorizations.has(party)) &&
				clause.policies.every(party => holds(operation, party)),
		);
		if (satisfied) {
			taken.push(satisfied);
			for (const party of satisfied.policies) {
				const post = operation.policies.get(party)?.post;
				if (post && post.length > 0) posts.push(post);
			}
			continue;
		}
		const completions = clauses
			.filter(clause => clause.policies.every(party => holds(operation, party)))
			.map(clause => clause.authorizations.filter(party => !input.authorizations.has(party)));
		if (completions.length === 0) failed.push(operation);
		else open[operation.name] = minimal(completions);
		needs = minimal(needs.flatMap(have => completions.map(more => [...new Set([...have, ...more])].sort())));
	}

	if (failed.length > 0) {
		const names = failed.map(({ name }) => name);
		return { kind: 'deny', reason: explainDenial(failed, policies), failed: names, policies };
	}
	if (taken.length < input.operations.length)
		return { kind: 'wait', needs, lacking: lackingOf(needs, input), open, policies };
	if (taken.length === 0)
		return { kind: 'deny', reason: 'the request falls under no row of the authorization table', policies };
	return {
		kind: 'execute',
		clause:
			taken.length === 1 && taken[0]
				? taken[0].source
				: [...new Set(taken.map(clause => clause.source))].join('; '),
		posts,
		policies,
	};
}

/**
 * The denial that certainly comes, whoever authorizes the request and whatever turns out of the facts that are still
 * missing; undefined where there may be another verdict. Pure.
 */
export function foreseeDenial(
	operations: readonly Operation[],
	facts: Facts,
): (Verdict & { kind: 'deny' }) | undefined {
	const policies: EvaluatedPolicy[] = [];
	const mayHold = (operation: Operation, party: string): boolean => {
		const result = evaluatePolicy(operation, party, facts);
		policies.push(result);
		return result.holds || result.undecided === true;
	};
	const failed = operations.filter(operation => {
		const { closed, clauses } = operation.authorization;
		return closed || !clauses.some(clause => clause.policies.every(party => mayHold(operation, party)));
	});
	if (failed.length === 0) return undefined;
	return { kind: 'deny', reason: explainDenial(failed, policies), policies };
}

function lackingOf(
	needs: readonly (readonly string[])[],
	{ lacking }: DecisionInput,
): Readonly<Record<string, string>> {
	const texts = [...new Set(needs.flat())].flatMap(party => {
		const text = lacking?.(party);
		return text === undefined ? [] : [[party, text]];
	});
	return Object.fromEntries(texts) as Record<string, string>;
}

/** One party's policy for one row, on these facts. */
export function evaluatePolicy(operation: Operation, party: string, facts: Facts): EvaluatedPolicy {
	const named = { party, operation: operation.name };
	const policy = operation.policies.get(party);
	if (!policy) {
		// Unknown means deny: a party that says nothing has not agreed.
		const reason = `${party} has written no policy for "${operation.name}"`;
		return { ...named, expression: '(no policy)', holds: false, reason, values: [] };
	}
	if (!policy.pre) {
		return {
			...named,
			expression: '(no condition)',
			holds: true,
			reason: `${party} states no condition`,
			values: [],
		};
	}
	const result = policy.pre.evaluate(factsFor(operation, facts));
	return new Evaluated(operation, policy, result);
}

/** A result with what it is the result of; its words are found when somebody reads them. */
class Evaluated implements EvaluatedPolicy {
	readonly party: string;
	readonly operation: string;
	readonly expression: string;
	readonly holds: boolean;
	readonly private?: boolean;
	readonly #result: PreResult;

	constructor(operation: Operation, policy: PartyPolicy, result: PreResult) {
		this.party = policy.party;
		this.operation = operation.name;
		this.expression = policy.pre?.source ?? '';
		this.holds = result.holds;
		if (policy.private) this.private = true;
		this.#result = result;
	}

	get undecided(): boolean {
		return this.#result.undecided === true;
	}

	get reason(): string {
		return this.#result.reason;
	}

	get values(): PreResult['values'] {
		return this.#result.values;
	}
}

/** The same facts, for a request that falls under this row (among others). */
function factsFor({ name }: Operation, facts: Facts): Facts {
	if (facts.Request.Operation === name) return facts;
	return { ...facts, Request: { ...facts.Request, Operation: name } };
}

/** Drops alternatives that contain another one; the shortest come first. */
function minimal(alternatives: readonly (readonly string[])[]): (readonly string[])[] {
	const sorted = [...alternatives].sort((a, b) => a.length - b.length || a.join().localeCompare(b.join()));
	const kept: (readonly string[])[] = [];
	for (const alternative of sorted) {
		if (!kept.some(other => other.every(party => alternative.includes(party)))) kept.push(alternative);
	}
	return kept;
}

function explainDenial(failed: readonly Operation[], policies: readonly EvaluatedPolicy[]): string {
	return failed
		.map(operation => {
			if (operation.authorization.closed) return `"${operation.name}" is closed by the authorization table`;
			const why = seenBy(undefined, policies)
				.filter(policy => policy.operation === operation.name && !policy.holds)
				.map(policy => `${policy.party}'s policy does not hold: ${policy.reason}`);
			return `"${operation.name}" needs ${operation.authorization.source}; ${why.join('; ')}`;
		})
		.join('. ');
}
