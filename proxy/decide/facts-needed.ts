import type { Operation, PolicySet } from '../policy/policy-set.ts';

/** What must be read before a request can be decided on. */
export interface NeededFacts {
	readonly resource: boolean;
	readonly external: readonly string[];
}

/**
 * Only the policies of parties that a clause names in lower case can ever be evaluated. Given `authorizations`,
 * only those of clauses that lack none of them: the ones that can let the request through at once.
 */
export function factsNeeded(
	operations: readonly Operation[],
	authorizations?: ReadonlySet<string>,
): NeededFacts {
	const external = new Set<string>();
	let resource = false;
	for (const operation of operations) {
		const clauses = operation.authorization.clauses.filter(
			clause => !authorizations || clause.authorizations.every(party => authorizations.has(party)),
		);
		for (const party of new Set(clauses.flatMap(clause => clause.policies))) {
			const needs = operation.policies.get(party)?.pre?.needs;
			if (!needs) continue;
			resource ||= needs.resource;
			for (const source of needs.external) external.add(source);
		}
	}
	return { resource, external: [...external] };
}

/** `factsNeeded` of all clauses, worked out once for each row of a policy set. */
export function compileFactsNeeded(policies: PolicySet): (operations: readonly Operation[]) => NeededFacts {
	const each = new Map(policies.operations.map(operation => [operation, factsNeeded([operation])]));
	return operations => {
		const [only, ...more] = operations;
		return (more.length === 0 && only && each.get(only)) || factsNeeded(operations);
	};
}
