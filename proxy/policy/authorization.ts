import { nearest } from '../../common/config/nearest.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import type { AuthorizationExpression, Clause } from './policy-set.ts';
import { readTerms, type Term, type Token } from './term-expression.ts';

/** `upper`: the party itself must have authorized; otherwise its policy must hold. */
interface PartyTerm extends Term {
	readonly upper: boolean;
}

/**
 * Reads the p2c column: `HSO` (that party authorized), `hso` (its policy holds), `and`, `or`, parentheses,
 * `2 of (HSO, CP, SI and cp)`, or `closed` alone.
 * @param parties the declared parties, in capitals
 */
export function parseAuthorization(
	source: string,
	parties: readonly string[],
): Parsed<AuthorizationExpression> {
	return parsed(() => {
		const alternatives = readTerms<PartyTerm>(source, {
			called: 'a party',
			alone: 'closed',
			readTerm: word => readParty(word, parties),
		});
		const clauses = (alternatives ?? []).map(toClause);
		return { source: source.trim(), closed: alternatives === undefined, clauses };
	});
}

function readParty({ text, offset }: Token, parties: readonly string[]): PartyTerm {
	const party = text.toUpperCase();
	const upper = text === party;
	if (!parties.includes(party)) {
		const near = nearest(party, parties);
		throw new ExpressionSyntaxError(
			offset,
			`unknown party "${text}"; ${near ? `did you mean ${near}? ` : ''}declared: ${parties.join(', ')}`,
		);
	}
	if (!upper && text !== party.toLowerCase()) {
		throw new ExpressionSyntaxError(
			offset,
			`"${text}" mixes cases; write ${party} (it must authorize) or ${party.toLowerCase()} (its policy must hold)`,
		);
	}
	return { key: text, subject: party, upper };
}

function toClause(terms: readonly PartyTerm[]): Clause {
	return {
		source: terms.map(term => term.key).join(' and '),
		authorizations: terms.filter(term => term.upper).map(term => term.subject),
		policies: terms.filter(term => !term.upper).map(term => term.subject),
	};
}
