import type { Operation, PartyPolicy, PolicySet } from '../policy/policy-set.ts';

type Reach = 'alone' | 'with others' | 'never';

/** Another party can no longer do, or not alone, what it could before. */
export interface Lockout {
	readonly party: string;
	readonly operation: string;
	readonly before: Reach;
	readonly after: Reach;
}

/**
 * What the parties other than `author` would lose; of everybody when there is no author. A clause counts as open
 * unless it can hold under no facts at all: a policy that is not there, or one that reads nothing and is false.
 */
export function findLockouts(
	before: PolicySet,
	after: PolicySet,
	parties: readonly string[],
	author: string | undefined,
): Lockout[] {
	const next = new Map(after.operations.map(operation => [operation.name, operation]));
	return before.operations.flatMap(operation =>
		parties
			.filter(party => party !== author)
			.map(party => ({
				party,
				operation: operation.name,
				before: reachOf(operation, party),
				after: reachOf(next.get(operation.name), party),
			}))
			.filter(({ before: was, after: is }) => rank[is] < rank[was]),
	);
}

const rank = { never: 0, 'with others': 1, alone: 2 } as const;

function reachOf(operation: Operation | undefined, party: string): Reach {
	if (!operation || operation.authorization.closed) return 'never';
	const open = operation.authorization.clauses.filter(({ policies }) =>
		policies.every(name => canHold(operation.policies.get(name))),
	);
	// A party that asks for what others must authorize takes part, though no clause names it.
	if (open.some(({ authorizations }) => authorizations.every(name => name === party))) return 'alone';
	return open.length > 0 ? 'with others' : 'never';
}

const readsNothing = /^[^A-Za-z]*(?:(?:true|false|and|or|not|null)\b[^A-Za-z]*)*$/;

function canHold(policy: PartyPolicy | undefined): boolean {
	if (!policy) return false;
	if (!policy.pre || !readsNothing.test(policy.pre.source)) return true;
	return policy.pre.evaluate({ Request: {} as never, Resource: undefined, External: {} }).holds;
}

export function explainLockouts(lockouts: readonly Lockout[]): string {
	const texts = lockouts.map(({ party, operation, after }) =>
		after === 'never'
			? `nobody, ${party} included, could do "${operation}" any more`
			: `${party} could no longer do "${operation}" alone`,
	);
	const shown = [...new Set(texts)].slice(0, 10);
	const more = texts.length > shown.length ? `, and ${texts.length - shown.length} more` : '';
	return `${shown.join('; ')}${more}`;
}
