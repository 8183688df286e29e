import { decide, type EvaluatedPolicy } from '../../decide/decide.ts';
import type { Facts } from '../facts.ts';
import type { Operation, PostPolicy, PrePolicy } from '../policy-set.ts';

/** What becomes of a request, as far as a comparison needs it. */
export type Outcome =
	| { readonly kind: 'execute'; readonly clause: string; readonly posts: readonly PostPolicy[] }
	| { readonly kind: 'wait'; readonly needs: readonly (readonly string[])[] }
	| { readonly kind: 'deny'; readonly reason: string };

/** What `decide` says; no rows at all is what the table does not cover. */
export function outcomeOf(
	operations: readonly Operation[],
	party: string,
	facts: Facts,
): Outcome & { readonly policies: readonly EvaluatedPolicy[] } {
	const verdict = decide({ operations, authorizations: new Set([party]), facts });
	const { policies } = verdict;
	switch (verdict.kind) {
		case 'execute':
			return { kind: 'execute', clause: verdict.clause, posts: verdict.posts.flat(), policies };
		case 'wait':
			return { kind: 'wait', needs: verdict.needs, policies };
		case 'deny':
			return { kind: 'deny', reason: verdict.reason, policies };
	}
}

/** The rows with policies that simply hold or not, to try every way in which they can come out. */
export function withTruth(
	operations: readonly Operation[],
	holds: (pre: PrePolicy) => boolean,
): readonly Operation[] {
	return operations.map(operation => ({
		...operation,
		policies: new Map(
			[...operation.policies].map(([party, policy]) => [
				party,
				policy.pre ? { ...policy, pre: assumed(policy.pre, holds(policy.pre)) } : policy,
			]),
		),
	}));
}

const assumed = (pre: PrePolicy, holds: boolean): PrePolicy => ({
	...pre,
	evaluate: () => ({ holds, reason: 'assumed', values: [] }),
});

/** `executes`, `waits for CP, or SI`, `denied` */
export function outcomeText(outcome: Outcome): string {
	switch (outcome.kind) {
		case 'execute':
			return `executes under "${outcome.clause}"`;
		case 'wait':
			return `waits for ${outcome.needs.map(need => need.join(' and ')).join(', or ')}`;
		case 'deny':
			return 'is denied';
	}
}
