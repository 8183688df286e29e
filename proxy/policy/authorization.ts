import { nearest } from '../../common/config/nearest.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import type { AuthorizationExpression, Clause } from './policy-set.ts';

/** An expression that would need more alternatives than this is refused rather than expanded. */
export const maxClauses = 256;
const maxLength = 1000;
const maxDepth = 32;
const keywords = new Set(['and', 'or', 'of', 'closed']);

/** `upper`: the party itself must have authorized; otherwise its policy must hold. */
interface Term {
	readonly party: string;
	readonly upper: boolean;
}
/** Alternatives, each a list of terms in the order in which they were written. */
type Alternatives = readonly (readonly Term[])[];

interface Token {
	readonly kind: 'word' | 'number' | 'sign' | 'end';
	readonly text: string;
	readonly offset: number;
}

/**
 * Reads the p2c column: `HSO` (that party authorized), `hso` (its policy holds), `and`, `or`, parentheses,
 * `2 of (HSO, CP, SI)`, or `closed` alone. `and` binds tighter than `or`. The clauses come in written order,
 * without repeated terms, and without clauses that a shorter one makes needless; there is always at least one
 * term in each, so nothing opens by being empty.
 * @param parties the declared parties, in capitals
 */
export function parseAuthorization(
	source: string,
	parties: readonly string[],
): Parsed<AuthorizationExpression> {
	return parsed(() => {
		if (source.length > maxLength) {
			throw new ExpressionSyntaxError(maxLength, `longer than ${maxLength} characters`);
		}
		const reader = new TermReader(scan(source), parties);
		const alternatives = reader.readAll();
		const clauses = alternatives === 'closed' ? [] : minimal(alternatives).map(toClause);
		return { source: source.trim(), closed: alternatives === 'closed', clauses };
	});
}

function scan(source: string): Token[] {
	const tokens: Token[] = [];
	const pattern = /\s+|([A-Za-z][A-Za-z0-9_]*)|([0-9]+)|([(),])/y;
	while (pattern.lastIndex < source.length) {
		const offset = pattern.lastIndex;
		const match = pattern.exec(source);
		if (!match) {
			const found = String.fromCodePoint(source.codePointAt(offset) ?? 0);
			throw new ExpressionSyntaxError(
				offset,
				`"${found}" has no meaning here; write party names with and, or, parentheses, or "2 of (…)"`,
			);
		}
		if (match[1] !== undefined) tokens.push({ kind: 'word', text: match[1], offset });
		else if (match[2] !== undefined) tokens.push({ kind: 'number', text: match[2], offset });
		else if (match[3] !== undefined) tokens.push({ kind: 'sign', text: match[3], offset });
	}
	tokens.push({ kind: 'end', text: 'the end', offset: source.length });
	return tokens;
}

/** Recursive descent; each method returns the alternatives of what it read. */
class TermReader {
	readonly #tokens: readonly Token[];
	readonly #parties: readonly string[];
	#position = 0;
	#depth = 0;

	constructor(tokens: readonly Token[], parties: readonly string[]) {
		this.#tokens = tokens;
		this.#parties = parties;
	}

	readAll(): Alternatives | 'closed' {
		if (this.#peek().text === 'closed' && this.#peek(1).kind === 'end') return 'closed';
		const alternatives = this.#readOr();
		const rest = this.#peek();
		if (rest.kind !== 'end') {
			const expected = rest.text === ')' ? 'no "(" was opened for it' : 'expected "and" or "or"';
			throw new ExpressionSyntaxError(rest.offset, `unexpected "${rest.text}": ${expected}`);
		}
		return alternatives;
	}

	#peek(ahead = 0): Token {
		return this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)] as Token;
	}

	#take(): Token {
		const token = this.#peek();
		this.#position++;
		return token;
	}

	#expect(sign: string, why: string): void {
		const token = this.#take();
		if (token.text !== sign || token.kind !== 'sign') {
			throw new ExpressionSyntaxError(token.offset, `expected "${sign}" ${why}, found ${shown(token)}`);
		}
	}

	#readOr(): Alternatives {
		let alternatives = this.#readAnd();
		while (this.#peek().text === 'or') {
			const { offset } = this.#take();
			alternatives = bounded([...alternatives, ...this.#readAnd()], offset);
		}
		return alternatives;
	}

	#readAnd(): Alternatives {
		let alternatives = this.#readTerm();
		while (this.#peek().text === 'and') {
			const { offset } = this.#take();
			alternatives = both(alternatives, this.#readTerm(), offset);
		}
		return alternatives;
	}

	#readTerm(): Alternatives {
		const token = this.#take();
		if (token.kind === 'number') return this.#readQuorum(token);
		if (token.kind === 'sign' && token.text === '(') {
			if (++this.#depth > maxDepth) {
				throw new ExpressionSyntaxError(token.offset, `nested deeper than ${maxDepth}`);
			}
			const inner = this.#readOr();
			this.#expect(')', 'to end the group');
			this.#depth--;
			return inner;
		}
		if (token.kind !== 'word' || keywords.has(token.text)) {
			const hint = token.text === 'of' ? '; the quorum is missing: write "2 of (…)"' : '';
			const closed = token.text === 'closed' ? '; "closed" stands alone' : '';
			throw new ExpressionSyntaxError(
				token.offset,
				`expected a party, "(" or a quorum, found ${shown(token)}${hint}${closed}`,
			);
		}
		if (this.#peek().text === 'of') {
			throw new ExpressionSyntaxError(token.offset, `expected a number before "of", found "${token.text}"`);
		}
		return [[this.#readParty(token)]];
	}

	#readParty(token: Token): Term {
		const party = token.text.toUpperCase();
		const upper = token.text === party;
		if (!this.#parties.includes(party)) {
			const near = nearest(party, this.#parties);
			throw new ExpressionSyntaxError(
				token.offset,
				`unknown party "${token.text}"; ${near ? `did you mean ${near}? ` : ''}declared: ${this.#parties.join(', ')}`,
			);
		}
		if (!upper && token.text !== party.toLowerCase()) {
			throw new ExpressionSyntaxError(
				token.offset,
				`"${token.text}" mixes cases; write ${party} (it must authorize) or ${party.toLowerCase()} (its policy must hold)`,
			);
		}
		return { party, upper };
	}

	#readQuorum(count: Token): Alternatives {
		const word = this.#take();
		if (word.text !== 'of') {
			throw new ExpressionSyntaxError(
				word.offset,
				`expected "of" after the quorum ${count.text}, found ${shown(word)}`,
			);
		}
		this.#expect('(', 'to begin the list of a quorum');
		const items: Alternatives[] = [];
		const named = new Set<string>();
		do {
			const { offset } = this.#peek();
			const item = this.#readOr();
			const parties = new Set(item.flat().map(term => term.party));
			for (const party of parties) {
				// Otherwise one party could fill two places of a quorum.
				if (named.has(party)) {
					throw new ExpressionSyntaxError(offset, `${party} stands in this list twice; it would count twice`);
				}
				named.add(party);
			}
			items.push(item);
		} while (this.#peek().text === ',' && this.#take());
		this.#expect(')', 'or "," in the list of a quorum');
		const quorum = Number(count.text);
		if (quorum < 1 || quorum > items.length) {
			const right = items.length === 1 ? '1' : `1 to ${items.length}`;
			throw new ExpressionSyntaxError(
				count.offset,
				`a quorum of ${count.text} out of ${items.length} makes no sense; write ${right}`,
			);
		}
		return chooseItems(items, quorum, count.offset);
	}
}

/** Every way to take `quorum` of the items, in the order in which the list names them. */
function chooseItems(items: readonly Alternatives[], quorum: number, offset: number): Alternatives {
	if (quorum === 0) return [[]];
	const all: (readonly Term[])[] = [];
	for (let first = 0; first + quorum <= items.length; first++) {
		const rest = chooseItems(items.slice(first + 1), quorum - 1, offset);
		all.push(...both(items[first] as Alternatives, rest, offset));
		bounded(all, offset);
	}
	return all;
}

function both(left: Alternatives, right: Alternatives, offset: number): Alternatives {
	// Checked before it is built: the product of two permitted lists can be 65,536 clauses.
	if (left.length * right.length > maxClauses * 4) throw tooMany(offset);
	return bounded(
		left.flatMap(a => right.map(b => [...a, ...b.filter(term => !a.some(other => sameTerm(other, term)))])),
		offset,
	);
}

function bounded(alternatives: Alternatives, offset: number): Alternatives {
	const fewer = alternatives.length > 1 ? minimal(alternatives) : alternatives;
	if (fewer.length > maxClauses) throw tooMany(offset);
	return fewer;
}

function tooMany(offset: number): ExpressionSyntaxError {
	return new ExpressionSyntaxError(
		offset,
		`this makes more than ${maxClauses} alternatives; write it more simply`,
	);
}

/** Drops every clause that needs all that another one needs, and more; of equal ones the first stays. */
function minimal(alternatives: Alternatives): Alternatives {
	return alternatives.filter((clause, index) =>
		alternatives.every((other, otherIndex) => {
			if (otherIndex === index || !other.every(term => clause.some(own => sameTerm(own, term)))) return true;
			return other.length === clause.length && otherIndex > index;
		}),
	);
}

function sameTerm(a: Term, b: Term): boolean {
	return a.party === b.party && a.upper === b.upper;
}

function toClause(terms: readonly Term[]): Clause {
	return {
		source: terms.map(term => (term.upper ? term.party : term.party.toLowerCase())).join(' and '),
		authorizations: terms.filter(term => term.upper).map(term => term.party),
		policies: terms.filter(term => !term.upper).map(term => term.party),
	};
}

function shown(token: Token): string {
	return token.kind === 'end' ? 'the end' : `"${token.text}"`;
}
