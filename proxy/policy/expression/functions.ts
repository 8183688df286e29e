import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { type Budget, finite, isList, kindOf, shown, spend, Undecided } from './values.ts';

/** One of the language's functions; there is no way to add to them from a policy or from data. */
export interface PolicyFunction {
	readonly arity: number;
	/** What it gives, as far as can be told without data. */
	readonly gives: 'number' | 'boolean' | 'text' | 'boolean or list' | 'text or list';
	/** @throws Undecided */
	readonly apply: (args: readonly JsonValue[], label: () => string, budget: Budget) => JsonValue;
}

function listOf(value: JsonValue | undefined, label: () => string): readonly JsonValue[] {
	if (value !== undefined && isList(value)) return value;
	throw new Undecided(`${label()}: expected a list, found ${kindOf(value ?? null)}`);
}

function numbersOf(value: JsonValue | undefined, label: () => string): readonly number[] {
	const list = listOf(value, label);
	// "No data" must not open anything: a sum over no outlets says nothing about the rack's power.
	if (list.length === 0) throw new Undecided(`${label()}: the list is empty`);
	for (const element of list) {
		if (typeof element !== 'number')
			throw new Undecided(`${label()}: ${shown(element)} is ${kindOf(element)}, not a number`);
	}
	return list as readonly number[];
}

function booleansOf(value: JsonValue | undefined, label: () => string): readonly boolean[] {
	const list = listOf(value, label);
	for (const element of list) {
		if (typeof element !== 'boolean')
			throw new Undecided(`${label()}: ${shown(element)} is ${kindOf(element)}, not true or false`);
	}
	return list as readonly boolean[];
}

function count(value: JsonValue | undefined, label: () => string): number {
	const list = listOf(value, label);
	let booleans = 0;
	let trues = 0;
	for (const element of list) {
		if (typeof element === 'boolean') booleans++;
		if (element === true) trues++;
	}
	if (booleans === 0) return list.length;
	if (booleans === list.length) return trues;
	throw new Undecided(`${label()}: the list mixes true or false with other values`);
}

function sum(numbers: readonly number[]): number {
	let total = 0;
	for (const number of numbers) total += number;
	return total;
}

/** A function of one text, or of each text of a list. */
function eachText(
	value: JsonValue | undefined,
	label: () => string,
	budget: Budget,
	apply: (text: string) => JsonValue,
): JsonValue {
	if (value !== undefined && isList(value))
		return value.map(element => eachText(element, label, budget, apply));
	if (typeof value !== 'string')
		throw new Undecided(`${label()}: expected a text, found ${kindOf(value ?? null)}`);
	spend(budget, 1 + (value.length >> 4));
	return apply(value);
}

function searching(test: (text: string, part: string) => boolean): PolicyFunction {
	return {
		arity: 2,
		gives: 'boolean or list',
		apply([value, part], label, budget) {
			if (typeof part !== 'string')
				throw new Undecided(`${label()}: expected a text to look for, found ${kindOf(part ?? null)}`);
			return eachText(value, label, budget, text => test(text, part));
		},
	};
}

/** By name, which is case-sensitive. Without a prototype: `toString` is no function of the language. */
export const policyFunctions: Readonly<Record<string, PolicyFunction>> = Object.freeze(
	Object.assign(Object.create(null) as object, {
		/** The sum of a list of numbers that is not empty. */
		SUM: {
			arity: 1,
			gives: 'number',
			apply: ([list], label) => finite(sum(numbersOf(list, label)), label()),
		},
		/** How many of a list's elements are true; of a list that holds no true or false, how many elements. */
		COUNT: { arity: 1, gives: 'number', apply: ([list], label) => count(list, label) },
		MIN: {
			arity: 1,
			gives: 'number',
			apply: ([list], label) => numbersOf(list, label).reduce((a, b) => Math.min(a, b)),
		},
		MAX: {
			arity: 1,
			gives: 'number',
			apply: ([list], label) => numbersOf(list, label).reduce((a, b) => Math.max(a, b)),
		},
		AVG: {
			arity: 1,
			gives: 'number',
			apply([list], label) {
				const numbers = numbersOf(list, label);
				return finite(sum(numbers) / numbers.length, label());
			},
		},
		/** Whether at least one is true; of an empty list, false. */
		ANY: { arity: 1, gives: 'boolean', apply: ([list], label) => booleansOf(list, label).includes(true) },
		/** Whether all are true; an empty list is an error, since nothing would vouch for anything. */
		ALL: {
			arity: 1,
			gives: 'boolean',
			apply([list], label) {
				const booleans = booleansOf(list, label);
				if (booleans.length === 0) throw new Undecided(`${label()}: the list is empty`);
				return !booleans.includes(false);
			},
		},
		/** How many elements a list, or characters a text, has. */
		LEN: {
			arity: 1,
			gives: 'number',
			apply([value], label) {
				if (typeof value === 'string' || (value !== undefined && isList(value))) return value.length;
				throw new Undecided(`${label()}: expected a text or a list, found ${kindOf(value ?? null)}`);
			},
		},
		LOWER: {
			arity: 1,
			gives: 'text or list',
			apply: ([value], label, budget) => eachText(value, label, budget, text => text.toLowerCase()),
		},
		CONTAINS: searching((text, part) => text.includes(part)),
		STARTSWITH: searching((text, part) => text.startsWith(part)),
		ENDSWITH: searching((text, part) => text.endsWith(part)),
	} satisfies Record<string, PolicyFunction>),
);
