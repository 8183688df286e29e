import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { temporalOf } from './temporal.ts';
import type { ArithmeticOperator, CompareOperator } from './tree.ts';

/** Why an expression has no value; a policy with no value does not hold. */
export class Undecided extends Error {
	constructor(message: string) {
		super(message);
		this.name = 'Undecided';
	}
}

/** What is left of an evaluation's steps. */
export interface Budget {
	steps: number;
}

/** @throws Undecided when the evaluation has taken more steps than it may. */
export function spend(budget: Budget, steps: number): void {
	budget.steps -= steps;
	if (budget.steps < 0) throw new Undecided('the evaluation takes too many steps');
}

export function isList(value: JsonValue): value is readonly JsonValue[] {
	return Array.isArray(value);
}

/** A value's kind as messages name it. */
export function kindOf(value: JsonValue): string {
	if (value === null) return 'null';
	if (isList(value)) return 'a list';
	switch (typeof value) {
		case 'boolean':
			return 'true or false';
		case 'number':
			return 'a number';
		case 'string':
			return 'a text';
		default:
			return 'an object';
	}
}

/**
 * The own property `name` of an object; of a list, that of each of its elements (lists in lists are joined).
 * @throws Undecided when anything lacks it, or it is not plain data.
 */
export function property(value: JsonValue, name: string, label: () => string, budget: Budget): JsonValue {
	if (isList(value)) {
		spend(budget, value.length);
		const all: JsonValue[] = [];
		for (let i = 0; i < value.length; i++) {
			const element = value[i] as JsonValue;
			if (isList(element)) throw new Undecided(`${label()}: element ${i + 1} is a list`);
			const found = property(element, name, label, budget);
			if (typeof found === 'object' && isList(found)) for (const each of found) all.push(each);
			else all.push(found);
		}
		return all;
	}
	if (typeof value !== 'object' || value === null) {
		throw new Undecided(
			`${label()} cannot be read: ${shown(value)} is ${kindOf(value)} and has no properties`,
		);
	}
	if (!Object.hasOwn(value, name)) throw new Undecided(`no such property: ${label()}`);
	return plain((value as Readonly<Record<string, JsonValue>>)[name], label);
}

/** Lets through what JSON can hold, and no number that is none. */
export function plain(value: unknown, label: () => string): JsonValue {
	const kind = typeof value;
	if (kind === 'string' || kind === 'boolean' || kind === 'object') return value as JsonValue;
	if (kind === 'number' && Number.isFinite(value)) return value as number;
	throw new Undecided(`${label()} is not plain data`);
}

/** Applies `apply` to two values, or to lists element by element; one value beside a list goes with each. */
export function broadcast(
	left: JsonValue,
	right: JsonValue,
	budget: Budget,
	apply: (left: JsonValue, right: JsonValue) => JsonValue,
): JsonValue {
	if (isList(left)) {
		spend(budget, left.length);
		if (!isList(right)) return left.map(element => apply(element, right));
		if (left.length !== right.length) {
			throw new Undecided(`two lists of different lengths, ${left.length} and ${right.length}`);
		}
		return left.map((element, i) => apply(element, right[i] as JsonValue));
	}
	if (isList(right)) {
		spend(budget, right.length);
		return right.map(element => apply(left, element));
	}
	return apply(left, right);
}

/** `compare` for one operator, quick for what is usual: two numbers, or two texts that are the same or not. */
export function comparison(operator: CompareOperator): (left: JsonValue, right: JsonValue) => boolean {
	switch (operator) {
		case '==':
			return (a, b) => (typeof a === 'string' && typeof b === 'string' ? a === b : compare('==', a, b));
		case '!=':
			return (a, b) => (typeof a === 'string' && typeof b === 'string' ? a !== b : compare('!=', a, b));
		case '<':
			return (a, b) => (typeof a === 'number' && typeof b === 'number' ? a < b : compare('<', a, b));
		case '>=':
			return (a, b) => (typeof a === 'number' && typeof b === 'number' ? a >= b : compare('>=', a, b));
		default:
			return (a, b) => compare(operator, a, b);
	}
}

/**
 * Compares two single values of one kind. Numbers have an order, and so have texts that are both days, times of
 * day or moments; other texts have none ("10" would stand before "9"). Null equals null alone.
 */
export function compare(operator: CompareOperator, left: JsonValue, right: JsonValue): boolean {
	const isEquality = operator === '==' || operator === '!=';
	if (isEquality && (left === null || right === null)) return (left === right) === (operator === '==');
	const kind = typeof left;
	if (kind === 'string' && typeof right === 'string' && !isEquality) {
		const [one, other] = [temporalOf(left as string), temporalOf(right)];
		if (one && one.kind === other?.kind) return compare(operator, one.value, other.value);
	}
	if (kind !== typeof right || kind === 'object' || (kind !== 'number' && !isEquality)) {
		throw new Undecided(
			`${shown(left)} ${operator} ${shown(right)} compares ${kindOf(left)} with ${kindOf(right)}`,
		);
	}
	const a = left as number;
	const b = right as number;
	switch (operator) {
		case '==':
			return a === b;
		case '!=':
			return a !== b;
		case '<':
			return a < b;
		case '<=':
			return a <= b;
		case '>':
			return a > b;
		case '>=':
			return a >= b;
	}
}

/** @throws Undecided for anything but two numbers, or when the result is none (division by zero). */
export function calculate(operator: ArithmeticOperator, left: JsonValue, right: JsonValue): number {
	if (typeof left !== 'number' || typeof right !== 'number') {
		throw new Undecided(
			`${shown(left)} ${operator} ${shown(right)} calculates with ${kindOf(left)} and ${kindOf(right)}`,
		);
	}
	return finite(
		operator === '+'
			? left + right
			: operator === '-'
				? left - right
				: operator === '*'
					? left * right
					: operator === '/'
						? left / right
						: left % right,
		`${left} ${operator} ${right}`,
	);
}

export function finite(value: number, label: string): number {
	if (!Number.isFinite(value)) throw new Undecided(`${label} is not a number`);
	return value;
}

/** @throws Undecided unless `value` is true or false. */
export function truth(value: JsonValue, label: () => string): boolean {
	if (typeof value === 'boolean') return value;
	throw new Undecided(`${label()} is ${kindOf(value)}, not true or false`);
}

/** A value as reasons show it: JSON, at most about 120 characters. */
export function shown(value: JsonValue): string {
	if (isList(value) && value.length > 16) {
		return `a list of ${value.length} beginning with ${shown(value.slice(0, 4))}`;
	}
	if (typeof value === 'object' && value !== null && !isList(value)) return 'an object';
	if (isList(value)) return shorten(`[${value.map(shown).join(', ')}]`);
	return shorten(JSON.stringify(value));
}

function shorten(text: string): string {
	return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
