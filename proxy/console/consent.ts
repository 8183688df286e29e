import type { Verdict } from '../decide/decide.ts';
import type { Operator } from '../operator.ts';
import type { Operation } from '../policy/policy-set.ts';

/**
 * The parties that have agreed to a session: those that authorized it, and those whose policy the clause taken names
 * and which holds. Under break-glass nobody was asked: then all that its rows name may look on.
 */
export function consentOf(
	operator: Operator,
	verdict: Verdict & { kind: 'execute' },
	authorizers: readonly Operator[],
	operations: readonly Operation[],
): string[] {
	const clauses = operations.flatMap(({ authorization }) => authorization.clauses);
	const taken = clauses.filter(({ source }) => verdict.clause.split('; ').includes(source));
	const counted = verdict.breakGlass === undefined ? taken : clauses;
	const named = counted.flatMap(({ authorizations, policies }) => [...authorizations, ...policies]);
	const parties = [operator.party, ...authorizers.map(({ party }) => party), ...named];
	return [...new Set(parties)].sort();
}
