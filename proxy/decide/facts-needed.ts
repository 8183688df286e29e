import type { Operation, PolicySet } from '../policy/policy-set.ts';

/** What must be read before a request can be decided on. */
export interface NeededFacts {
	readonly resource: boolean;
	readonly external: readonly string[];
}

/** Only the policies of parties that a clause names in lower case can ever be evaluated. */
export function factsNeeded(operations: readonly Operation[]): NeededFacts {
	const external = new Set<string>();
	let resource = false;
	for (const operation of operations) {
		for (const party of new Set(operation.authorization.clauses.flatMap(clause => clause.policies))) {
			const needs = operation.policies.get(party)?.pre?.needs;
			if (!needs) continue;
			resource ||= needs.resource;
			for (const source of needs.external) external.add(source);
		}
	}
	return { resource, external: [...external] };
}

/** The same, worked out once for each row of a policy set. */
export function compileFactsNeeded(policies: PolicySet): (operations: readonly Operation[]) => NeededFacts {
	const each = new Map(policies.operations.map(operation => [operation, factsNeeded([operation])]));
	const nothing: NeededFacts = { resource: false, external: [] };
	return operations => {
		const [only, ...more] = operations;
		if (only && more.length === 0) return each.get(only) ?? factsNeeded(operations);
		return operations.length === 0 ? nothing : factsNeeded(operations);
	};
}
