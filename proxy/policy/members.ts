import { nearest } from '../../common/config/nearest.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import type { MembersClause, MembersExpression, PartyMembers } from './policy-set.ts';
import { readTerms, type Term, type Token } from './term-expression.ts';

/** Different persons that one clause may ask for. */
const maxPersons = 32;

interface GroupTerm extends Term {
	readonly count: number;
}

/**
 * Reads who speaks for a party, in the groups of its operators: `2 of (ops, security)`, `2 of ops`, `lead or
 * (ops and security)`, or `anyone` alone. Each term is filled by another person.
 * @param groups operator names by group
 */
export function parseMembersExpression(
	source: string,
	groups: Readonly<Record<string, readonly string[]>>,
): Parsed<MembersExpression> {
	return parsed(() => {
		const alternatives = readTerms<GroupTerm>(source, {
			called: 'a group',
			alone: 'anyone',
			readTerm: word => readGroup(word, 1, groups),
			readCounted(count, word) {
				const term = readGroup(word, Number(count.text), groups);
				const size = groups[word.text]?.length ?? 0;
				if (term.count < 1 || term.count > size) {
					const right = size === 1 ? '1' : `1 to ${size}`;
					throw new ExpressionSyntaxError(
						count.offset,
						`a quorum of ${count.text} out of ${size} makes no sense; write ${right}`,
					);
				}
				return term;
			},
		});
		const clauses = (alternatives ?? []).map(toClause);
		if (clauses.some(({ places }) => places.length > maxPersons)) {
			throw new ExpressionSyntaxError(0, `this asks for more than ${maxPersons} persons at once`);
		}
		return { source: source.trim(), anyone: alternatives === undefined, clauses };
	});
}

function readGroup(
	word: Token,
	count: number,
	groups: Readonly<Record<string, readonly string[]>>,
): GroupTerm {
	if (!Object.hasOwn(groups, word.text)) {
		const known = Object.keys(groups);
		const near = nearest(word.text, known);
		throw new ExpressionSyntaxError(
			word.offset,
			`unknown group "${word.text}"; ${near ? `did you mean ${near}? ` : ''}declared: ${known.join(', ') || 'none'}`,
		);
	}
	return { key: count === 1 ? word.text : `${count} of ${word.text}`, subject: word.text, count };
}

/** Of `ops and 2 of ops` the larger number counts: the same persons are meant. */
function toClause(terms: readonly GroupTerm[]): MembersClause {
	const counts = new Map<string, number>();
	for (const { subject, count } of terms) counts.set(subject, Math.max(count, counts.get(subject) ?? 0));
	const places = [...counts].flatMap(([group, count]) => new Array<string>(count).fill(group));
	return { source: terms.map(term => term.key).join(' and '), places };
}

/**
 * The groups whose place in the clause nobody fills, when each person fills at most one place: an assignment of
 * persons to places that is as large as can be (augmenting paths).
 * @param persons the groups that each person stands in
 */
export function unfilledPlaces(
	places: readonly string[],
	persons: readonly ReadonlySet<string>[],
): readonly string[] {
	const placeOf = new Array<number | undefined>(persons.length).fill(undefined);
	const fill = (place: number, tried: Set<number>): boolean => {
		for (const [person, groups] of persons.entries()) {
			if (tried.has(person) || !groups.has(places[place] ?? '')) continue;
			tried.add(person);
			const held = placeOf[person];
			if (held === undefined || fill(held, tried)) {
				placeOf[person] = place;
				return true;
			}
		}
		return false;
	};
	return places.filter((_group, place) => !fill(place, new Set()));
}

/** Names in the groups that are nobody's of that party now, each as a sentence; they fill no place. */
export function unknownMembers(
	members: ReadonlyMap<string, PartyMembers>,
	isOperator: (operator: { readonly name: string; readonly party: string }) => boolean,
): string[] {
	return [...members.values()].flatMap(({ party, groups, where }) =>
		[...new Set(Object.values(groups).flat())]
			.filter(name => !isOperator({ name, party }))
			.map(name => `${where.file}: ${name} is no operator of ${party}`),
	);
}
