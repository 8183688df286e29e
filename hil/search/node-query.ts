import { hilErrors } from '../errors.ts';

/** One condition on a property of a node: `ram >= 64`, or that it is there (`gpu`), or not (`not gpu`). */
export type Condition =
	| { readonly property: string; readonly operator: Operator; readonly value: Scalar }
	| { readonly property: string; readonly operator: 'is-set' }
	| { readonly property: string; readonly operator: 'is-not-set' };
type Scalar = string | number | boolean;
const operators = ['=', '!=', '<=', '>=', '<', '>'] as const;
type Operator = (typeof operators)[number];

const token = /\s*(?:"((?:[^"\\]|\\.)*)"|(<=|>=|!=|=|<|>)|([^\s"<>=!]+))/y;
const mostConditions = 20;

/**
 * Conditions joined by `and`: `cpu >= 16 and gpu = "A100" and tpm and not reserved`. Properties are the labels of
 * nodes' metadata; a label with spaces is quoted. Words and quoted values are texts, but numbers, true and false are
 * what they are.
 * @throws BadArgumentError that says where it is not understood
 */
export function parseNodeQuery(text: string): Condition[] {
	const words = tokenize(text);
	const conditions: Condition[] = [];
	for (let at = 0; at < words.length; ) {
		if (conditions.length > 0) {
			if (words[at]?.text !== 'and') throw notUnderstood(text, words[at], "expected 'and'");
			at++;
		}
		const isNegated = words[at]?.text === 'not' && words[at]?.kind === 'word';
		if (isNegated) at++;
		const name = words[at];
		if (!name || name.kind === 'operator') throw notUnderstood(text, name, 'expected a property');
		const operator = words[at + 1];
		if (operator?.kind !== 'operator') {
			conditions.push({ property: name.text, operator: isNegated ? 'is-not-set' : 'is-set' });
			at++;
			continue;
		}
		if (isNegated) throw notUnderstood(text, operator, "'not' goes with a property alone");
		const value = words[at + 2];
		if (!value || value.kind === 'operator') throw notUnderstood(text, value, 'expected a value');
		conditions.push({ property: name.text, operator: operator.text as Operator, value: scalarOf(value) });
		at += 3;
	}
	if (conditions.length > mostConditions) {
		throw hilErrors.BadArgumentError(`A query has at most ${mostConditions} conditions.`);
	}
	return conditions;
}

interface Word {
	readonly kind: 'word' | 'quoted' | 'operator';
	readonly text: string;
	readonly at: number;
}

function tokenize(text: string): Word[] {
	const words: Word[] = [];
	const trimmed = text.trimEnd();
	for (token.lastIndex = 0; token.lastIndex < trimmed.length; ) {
		const from = token.lastIndex;
		const match = token.exec(trimmed);
		if (!match) throw hilErrors.BadArgumentError(`The query is not understood at character ${from + 1}.`);
		const [, quoted, operator, word] = match;
		if (quoted !== undefined) words.push({ kind: 'quoted', text: quoted.replace(/\\(.)/g, '$1'), at: from });
		else if (operator !== undefined) words.push({ kind: 'operator', text: operator, at: from });
		else words.push({ kind: 'word', text: word ?? '', at: from });
	}
	return words;
}

const scalarOf = ({ kind, text }: Word): Scalar => {
	if (kind === 'quoted') return text;
	if (text === 'true' || text === 'false') return text === 'true';
	return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
};

const notUnderstood = (text: string, word: Word | undefined, why: string) =>
	hilErrors.BadArgumentError(
		`The query is not understood at character ${(word?.at ?? text.length) + 1}: ${why}.`,
	);

/** Whether a node's properties, by label, meet all conditions. What is not there meets only `not`. */
export function meets(properties: ReadonlyMap<string, unknown>, conditions: readonly Condition[]): boolean {
	return conditions.every(condition => {
		const value = properties.get(condition.property);
		const isSet = value !== undefined && value !== null && value !== false;
		if (condition.operator === 'is-set') return isSet;
		if (condition.operator === 'is-not-set') return !isSet;
		const { operator, value: wanted } = condition;
		// One of several, for instance two models of GPU.
		const candidates = Array.isArray(value) ? value : [value];
		if (operator === '!=') return value !== undefined && candidates.every(each => each !== wanted);
		return candidates.some(each => compares(each, operator, wanted));
	});
}

function compares(value: unknown, operator: Exclude<Operator, '!='>, wanted: Scalar): boolean {
	if (operator === '=') return value === wanted;
	// Texts have no order that people agree on.
	if (typeof value !== 'number' || typeof wanted !== 'number') return false;
	switch (operator) {
		case '<':
			return value < wanted;
		case '<=':
			return value <= wanted;
		case '>':
			return value > wanted;
		case '>=':
			return value >= wanted;
	}
}
