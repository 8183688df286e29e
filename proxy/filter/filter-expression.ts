import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { filterErrors } from './errors.ts';
import { isObject } from './resource-type.ts';

/** Whether a resource meets a `$filter`. Never throws. */
export type ResourceTest = (resource: JsonValue) => boolean;

const maxLength = 1024;
const maxNesting = 32;
const maxPathDepth = 16;

/**
 * Compiles the value of `$filter` (DSP0266, "The $filter query parameter"): `eq ne gt ge lt le` between property
 * paths (`Status/Health`) and literals ('text' with '' for a quotation mark, numbers, true, false, null, date-times
 * with or without quotation marks), joined by `and`, `or`, `not (…)` and parentheses; `and` binds tighter than `or`.
 *
 * What a resource lacks is null. Between unlike kinds only `ne` holds, and null is neither less nor greater than
 * anything. Two texts that are both date-times are compared as instants. With a list, a comparison holds when it does
 * for any element.
 * @throws BimetalError `QueryParameterValueFormatError` (400) with the place of the mistake
 */
export function compileFilter(source: string): ResourceTest {
	if (source.length > maxLength) throw malformed(`it is longer than ${maxLength} characters`);
	const tokens = scan(source);
	let at = 0;
	const isNext = (text: string): boolean => {
		const token = tokens[at];
		return token?.kind === 'mark' && token.text === text;
	};
	const take = (): Token => {
		const token = tokens[at];
		if (!token) throw malformed('it ends too early');
		at++;
		return token;
	};
	const expect = (text: string): void => {
		if (!isNext(text)) throw malformed(`"${text}" is missing ${place(tokens[at], source)}`);
		at++;
	};

	const alternatives = (depth: number): ResourceTest => {
		const tests = [conditions(depth)];
		while (isNext('or')) {
			at++;
			tests.push(conditions(depth));
		}
		return tests.length === 1 ? (tests[0] as ResourceTest) : resource => tests.some(test => test(resource));
	};
	const conditions = (depth: number): ResourceTest => {
		const tests = [condition(depth)];
		while (isNext('and')) {
			at++;
			tests.push(condition(depth));
		}
		return tests.length === 1 ? (tests[0] as ResourceTest) : resource => tests.every(test => test(resource));
	};
	const condition = (depth: number): ResourceTest => {
		if (depth > maxNesting) throw malformed(`more than ${maxNesting} parentheses in one another`);
		if (isNext('not')) {
			at++;
			if (!isNext('(') && !isNext('not')) {
				throw malformed(`after "not" put what it is about in parentheses, ${place(tokens[at], source)}`);
			}
			const test = condition(depth + 1);
			return resource => !test(resource);
		}
		if (isNext('(')) {
			at++;
			const test = alternatives(depth + 1);
			expect(')');
			return test;
		}
		return comparison();
	};
	const comparison = (): ResourceTest => {
		const left = operand(take(), source);
		const sign = take();
		const compare = sign.kind === 'mark' ? comparisons[sign.text] : undefined;
		if (!compare) throw malformed(`eq, ne, gt, ge, lt or le is missing ${place(sign, source)}`);
		const right = operand(take(), source);
		return resource => left(resource).some(a => right(resource).some(b => compare(a, b)));
	};

	const test = alternatives(0);
	if (at < tokens.length) throw malformed(`"and" or "or" is missing ${place(tokens[at], source)}`);
	return test;
}

type Token =
	| { readonly kind: 'mark'; readonly text: string; readonly offset: number }
	| { readonly kind: 'path'; readonly text: string; readonly offset: number }
	| { readonly kind: 'literal'; readonly value: JsonValue; readonly offset: number };

const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const marks = new Set(['and', 'or', 'not', 'eq', 'ne', 'gt', 'ge', 'lt', 'le']);
const constants = new Map<string, JsonValue>([
	['true', true],
	['false', false],
	['null', null],
]);

/** Each alternative begins with another character or is bounded by the next space or mark: linear time. */
const tokenPattern = /\s*(?:([()])|'((?:[^']|'')*)'|([^\s()']+))/y;

function scan(source: string): Token[] {
	const tokens: Token[] = [];
	const end = source.trimEnd().length;
	tokenPattern.lastIndex = 0;
	for (let offset = 0; offset < end; offset = tokenPattern.lastIndex) {
		const match = tokenPattern.exec(source);
		if (!match) throw malformed(`a text is not closed, ${place({ offset }, source)}`);
		const [whole, bracket, text, word = ''] = match;
		const start = tokenPattern.lastIndex - whole.trimStart().length;
		if (bracket !== undefined) tokens.push({ kind: 'mark', text: bracket, offset: start });
		else if (text !== undefined) {
			tokens.push({ kind: 'literal', value: text.replaceAll("''", "'"), offset: start });
		} else tokens.push(readWord(word, start, source));
	}
	return tokens;
}

function readWord(word: string, offset: number, source: string): Token {
	if (marks.has(word)) return { kind: 'mark', text: word, offset };
	const constant = constants.get(word);
	if (constant !== undefined) return { kind: 'literal', value: constant, offset };
	if (dateTime.test(word)) return { kind: 'literal', value: word, offset };
	if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(word)) {
		return { kind: 'literal', value: Number(word), offset };
	}
	if (/^[A-Za-z_@#][\w@#.-]*(?:\/[\w@#.-]+)*$/.test(word) && word.split('/').length <= maxPathDepth) {
		return { kind: 'path', text: word, offset };
	}
	throw malformed(
		`${JSON.stringify(word.slice(0, 40))} is neither a property nor a value (texts stand in '…'), ${place({ offset }, source)}`,
	);
}

function operand(token: Token, source: string): (resource: JsonValue) => readonly JsonValue[] {
	if (token.kind === 'mark') {
		throw malformed(`a property or a value is missing ${place(token, source)}`);
	}
	if (token.kind === 'literal') {
		const values = [token.value];
		return () => values;
	}
	const path = token.text.split('/');
	return resource => valuesAt(resource, path, 0);
}

const lacking: readonly JsonValue[] = [null];

/** Own properties only; each element of a list that is met on the way, or at its end. */
function valuesAt(value: JsonValue, path: readonly string[], at: number): readonly JsonValue[] {
	if (Array.isArray(value)) return value.flatMap((element: JsonValue) => valuesAt(element, path, at));
	const name = path[at];
	if (name === undefined) return [value];
	if (!isObject(value) || !Object.hasOwn(value, name)) return lacking;
	return valuesAt(value[name] as JsonValue, path, at + 1);
}

const comparisons: Readonly<Record<string, (a: JsonValue, b: JsonValue) => boolean>> = {
	eq: (a, b) => a === b || order(a, b) === 0,
	ne: (a, b) => a !== b && order(a, b) !== 0,
	gt: (a, b) => (order(a, b) ?? 0) > 0,
	ge: (a, b) => (order(a, b) ?? -1) >= 0,
	lt: (a, b) => (order(a, b) ?? 0) < 0,
	le: (a, b) => (order(a, b) ?? 1) <= 0,
};

/** Negative, zero or positive; undefined for what has no order. */
function order(a: JsonValue, b: JsonValue): number | undefined {
	if (typeof a === 'number' && typeof b === 'number') return a - b;
	if (typeof a !== 'string' || typeof b !== 'string') return undefined;
	if (dateTime.test(a) && dateTime.test(b)) return Date.parse(a) - Date.parse(b);
	return a < b ? -1 : a > b ? 1 : 0;
}

function malformed(why: string): BimetalError {
	return filterErrors.QueryParameterValueFormatError(
		`The value of the query parameter $filter is of a wrong form: ${why}`,
	);
}

function place(token: { readonly offset: number } | undefined, source: string): string {
	if (!token) return 'at its end';
	return `at ${JSON.stringify(source.slice(token.offset, token.offset + 20))} (character ${token.offset + 1})`;
}
