import { unfilledPlaces } from '../policy/members.ts';
import type { MembersClause, PartyMembers } from '../policy/policy-set.ts';

/** An operator who made or approved the request, and who that is. */
export interface Authorizer {
	readonly name: string;
	readonly party: string;
	/** Two accounts of one person count once. */
	readonly person: string;
}

export interface Spoken {
	/** Parties whose operators among the authorizers may speak for them together. */
	readonly parties: ReadonlySet<string>;
	/** For people, who of a party must still authorize: `one more of security`; undefined where any operator will do. */
	lacking(party: string): string | undefined;
}

/** What `members.yaml` calls for: `reads` for what only reads, `speaks` for everything else. */
export type Occasion = 'speaks' | 'reads';

/** Which parties have spoken; pure. A party without `members.yaml` speaks by any of its operators. */
export function whoHasSpoken(
	authorizers: readonly Authorizer[],
	members: ReadonlyMap<string, PartyMembers>,
	occasion: Occasion,
): Spoken {
	const own = (party: string) => authorizers.filter(authorizer => authorizer.party === party);
	const parties = new Set<string>();
	for (const { party } of authorizers) {
		const rule = members.get(party);
		if (!rule || rule[occasion].anyone) parties.add(party);
		else if (!parties.has(party)) {
			const persons = groupsOfPersons(rule, own(party));
			if (rule[occasion].clauses.some(({ places }) => unfilledPlaces(places, persons).length === 0))
				parties.add(party);
		}
	}
	return {
		parties,
		lacking(party) {
			const rule = members.get(party);
			if (!rule || rule[occasion].anyone || parties.has(party)) return undefined;
			return describeLack(rule[occasion].clauses, groupsOfPersons(rule, own(party)));
		},
	};
}

/** May this operator's authorization ever count for the party? */
export function mayCount(
	{ name, party }: Pick<Authorizer, 'name' | 'party'>,
	members: ReadonlyMap<string, PartyMembers>,
	occasion: Occasion,
): boolean {
	const rule = members.get(party);
	if (!rule || rule[occasion].anyone) return true;
	const asked = new Set(rule[occasion].clauses.flatMap(({ places }) => places));
	return [...asked].some(group => rule.groups[group]?.includes(name));
}

/** For each person the groups of all accounts under which that person authorized. */
function groupsOfPersons(rule: PartyMembers, authorizers: readonly Authorizer[]): ReadonlySet<string>[] {
	const persons = new Map<string, Set<string>>();
	for (const { name, person } of authorizers) {
		const key = person.toLowerCase();
		const groups = persons.get(key) ?? new Set();
		persons.set(key, groups);
		for (const [group, names] of Object.entries(rule.groups)) if (names.includes(name)) groups.add(group);
	}
	return [...persons.values()];
}

const numbers = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** The nearest ways to completion, at most three of them. */
function describeLack(clauses: readonly MembersClause[], persons: readonly ReadonlySet<string>[]): string {
	const lacks = clauses.map(({ places }) => unfilledPlaces(places, persons));
	const least = Math.min(...lacks.map(lack => lack.length));
	const more = persons.some(groups => groups.size > 0) ? ' more' : '';
	const texts = lacks
		.filter(lack => lack.length === least)
		.map(lack =>
			[...new Set(lack)]
				.map(group => {
					const count = lack.filter(each => each === group).length;
					return `${numbers[count] ?? count}${more} of ${group}`;
				})
				.join(' and '),
		);
	const all = [...new Set(texts)];
	return all.slice(0, 3).join(' or ') + (all.length > 3 ? ' or …' : '');
}
