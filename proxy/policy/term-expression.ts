import { ExpressionSyntaxError } from './expression/outcome.ts';

/** An expression that would need more alternatives than this is refused rather than expanded. */
export const maxClauses = 256;
const maxLength = 1000;
const maxDepth = 32;
const keywords = new Set(['and', 'or', 'of']);

/** What an expression of terms is about: a party, or a group of a party's operators. */
export interface Term {
	/** Terms of the same key are the same term. */
	readonly key: string;
	/** Who fulfils it; a quorum counts each of them once. */
	readonly subject: string;
}

/** Alternatives, each a list of terms in the order in which they were written. */
export type Alternatives<T extends Term> = readonly (readonly T[])[];

export interface Token {
	readonly kind: 'word' | 'number' | 'sign' | 'end';
	readonly text: string;
	readonly offset: number;
}

export interface TermGrammar<T extends Term> {
	/** What a term is called in messages: `a party`. */
	readonly called: string;
	/** A word that is an expression only by itself: `closed`. */
	readonly alone: string;
	/** @throws ExpressionSyntaxError */
	readTerm(word: Token): T;
	/** `2 of ops`: several of one subject; absent where that makes no sense. */
	readCounted?(count: Token, word: Token): T;
}

/**
 * Reads terms with `and`, `or`, parentheses and `2 of (…)`, to any depth; `and` binds tighter than `or`. The
 * alternatives come in written order, without repeated terms, and without those that a shorter one makes
 * needless; there is at least one term in each, so nothing opens by being empty. Undefined for the word that
 * stands alone.
 * @throws ExpressionSyntaxError
 */
export function readTerms<T extends Term>(
	source: string,
	grammar: TermGrammar<T>,
): Alternatives<T> | undefined {
	if (source.length > maxLength) {
		throw new ExpressionSyntaxError(maxLength, `longer than ${maxLength} characters`);
	}
	return new TermReader(scan(source), grammar).readAll();
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
				`"${found}" has no meaning here; write names with and, or, parentheses, or "2 of (…)"`,
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
class TermReader<T extends Term> {
	readonly #tokens: readonly Token[];
	readonly #grammar: TermGrammar<T>;
	#position = 0;
	#depth = 0;

	constructor(tokens: readonly Token[], grammar: TermGrammar<T>) {
		this.#tokens = tokens;
		this.#grammar = grammar;
	}

	readAll(): Alternatives<T> | undefined {
		if (this.#peek().text === this.#grammar.alone && this.#peek(1).kind === 'end') return undefined;
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

	#readOr(): Alternatives<T> {
		let alternatives = this.#readAnd();
		while (this.#peek().text === 'or') {
			const { offset } = this.#take();
			alternatives = bounded([...alternatives, ...this.#readAnd()], offset);
		}
		return alternatives;
	}

	#readAnd(): Alternatives<T> {
		let alternatives = this.#readTerm();
		while (this.#peek().text === 'and') {
			const { offset } = this.#take();
			alternatives = both(alternatives, this.#readTerm(), offset);
		}
		return alternatives;
	}

	#readTerm(): Alternatives<T> {
		const token = this.#take();
		if (token.kind === 'number') return this.#readQuorum(token);
		if (token.kind === 'sign' && token.text === '(') {
			const inner = this.#deeper(token, () => this.#readOr());
			this.#expect(')', 'to end the group');
			return inner;
		}
		this.#requireName(token);
		if (this.#peek().text === 'of') {
			throw new ExpressionSyntaxError(token.offset, `expected a number before "of", found "${token.text}"`);
		}
		return [[this.#grammar.readTerm(token)]];
	}

	#requireName(token: Token): void {
		const { called, alone } = this.#grammar;
		if (token.kind === 'word' && !keywords.has(token.text) && token.text !== alone) return;
		const hint = token.text === 'of' ? '; the quorum is missing: write "2 of (…)"' : '';
		const single = token.text === alone ? `; "${alone}" stands alone` : '';
		throw new ExpressionSyntaxError(
			token.offset,
			`expected ${called}, "(" or a quorum, found ${shown(token)}${hint}${single}`,
		);
	}

	#deeper<R>(token: Token, read: () => R): R {
		if (++this.#depth > maxDepth) {
			throw new ExpressionSyntaxError(token.offset, `nested deeper than ${maxDepth}`);
		}
		const inner = read();
		this.#depth--;
		return inner;
	}

	#readQuorum(count: Token): Alternatives<T> {
		const word = this.#take();
		if (word.text !== 'of') {
			throw new ExpressionSyntaxError(
				word.offset,
				`expected "of" after the quorum ${count.text}, found ${shown(word)}`,
			);
		}
		if (this.#grammar.readCounted && this.#peek().kind === 'word') {
			const name = this.#take();
			this.#requireName(name);
			return [[this.#grammar.readCounted(count, name)]];
		}
		this.#expect('(', 'to begin the list of a quorum');
		const items = this.#deeper(word, () => this.#readList());
		this.#expect(')', 'or "," in the list of a quorum');
		const quorum = Number(count.text);
		if (quorum < 1 || quorum > items.length) {
			const right = items.length === 1 ? '1' : `1 to ${items.length}`;
			throw new ExpressionSyntaxError(
				count.offset,
				`a quorum of ${count.text} out of ${items.length} makes no sense; write ${right}`,
			);
		}
		const chosen = chooseItems(items, quorum, count.offset);
		for (const clause of chosen) {
			// Each of the places by itself needs more than one subject, and still fewer than `quorum` fill them all.
			if (subjectsOf(clause).size < quorum) {
				const few = [...subjectsOf(clause)].join(' and ');
				throw new ExpressionSyntaxError(
					count.offset,
					`${few} alone would fill this quorum of ${quorum}; it would count more than once`,
				);
			}
		}
		return chosen;
	}

	#readList(): Alternatives<T>[] {
		const items: Alternatives<T>[] = [];
		const named = new Set<string>();
		do {
			const { offset } = this.#peek();
			const item = this.#readOr();
			// Who fills one place of a quorum alone must not fill a second one.
			const alone = new Set(item.map(subjectsOf).flatMap(all => (all.size === 1 ? [...all] : [])));
			for (const subject of alone) {
				if (named.has(subject)) {
					throw new ExpressionSyntaxError(
						offset,
						`${subject} stands in this list twice; it would count twice`,
					);
				}
				named.add(subject);
			}
			items.push(item);
		} while (this.#peek().text === ',' && this.#take());
		return items;
	}
}

const subjectsOf = (clause: readonly Term[]): Set<string> => new Set(clause.map(term => term.subject));

/** Every way to take `quorum` of the items, in the order in which the list names them. */
function chooseItems<T extends Term>(
	items: readonly Alternatives<T>[],
	quorum: number,
	offset: number,
): Alternatives<T> {
	if (quorum === 0) return [[]];
	const all: (readonly T[])[] = [];
	for (let first = 0; first + quorum <= items.length; first++) {
		const rest = chooseItems(items.slice(first + 1), quorum - 1, offset);
		all.push(...both(items[first] as Alternatives<T>, rest, offset));
		bounded(all, offset);
	}
	return bounded(all, offset);
}

function both<T extends Term>(
	left: Alternatives<T>,
	right: Alternatives<T>,
	offset: number,
): Alternatives<T> {
	// Checked before it is built: the product of two permitted lists can be 65,536 clauses.
	if (left.length * right.length > maxClauses * 4) throw tooMany(offset);
	return bounded(
		left.flatMap(a => right.map(b => [...a, ...b.filter(term => !a.some(other => other.key === term.key))])),
		offset,
	);
}

function bounded<T extends Term>(alternatives: Alternatives<T>, offset: number): Alternatives<T> {
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
function minimal<T extends Term>(alternatives: Alternatives<T>): Alternatives<T> {
	return alternatives.filter((clause, index) =>
		alternatives.every((other, otherIndex) => {
			if (otherIndex === index || !other.every(term => clause.some(own => own.key === term.key))) return true;
			return other.length === clause.length && otherIndex > index;
		}),
	);
}

function shown(token: Token): string {
	return token.kind === 'end' ? 'the end' : `"${token.text}"`;
}
