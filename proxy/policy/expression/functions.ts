import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { ExpressionSyntaxError } from './outcome.ts';
import { isWithin, temporalOf } from './temporal.ts';
import type { Tree } from './tree.ts';
import { type Budget, broadcast, finite, isList, kindOf, shown, spend, Undecided } from './values.ts';

/** One of the language's functions; there is no way to add to them from a policy or from data. */
export interface PolicyFunction {
	readonly arity: number;
	/** What it gives, as far as can be told without data. */
	readonly gives: 'number' | 'boolean' | 'text' | 'boolean or list' | 'text or list';
	/** What can be told from the arguments as they are written. @throws ExpressionSyntaxError */
	readonly check?: (call: Extract<Tree, { kind: 'call' }>) => void;
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

/** What BETWEEN counts with: a number, or a text that has an order. */
function orderedOf(
	value: JsonValue | undefined,
	label: () => string,
): { kind: Parameters<typeof isWithin>[3]; value: number } {
	if (typeof value === 'number') return { kind: 'number', value };
	const temporal = typeof value === 'string' ? temporalOf(value) : undefined;
	if (temporal) return temporal;
	throw new Undecided(`${label()}: ${shown(value ?? null)} is no number, day, time of day or moment`);
}

function checkBetween({ name: { offset }, args }: Extract<Tree, { kind: 'call' }>): void {
	const ends = args.slice(1).map(end => {
		if (end.kind !== 'literal' || typeof end.value === 'number') return undefined;
		const temporal = typeof end.value === 'string' ? temporalOf(end.value) : undefined;
		if (temporal) return temporal;
		throw new ExpressionSyntaxError(
			offset,
			`${shown(end.value)} is no number, day ("2026-12-24"), time of day ("22:05") or moment ("2026-12-24T22:05:00Z")`,
		);
	});
	const [from, to] = ends;
	if (!from || !to) return;
	if (from.kind !== to.kind)
		throw new ExpressionSyntaxError(offset, 'BETWEEN goes from one value to another of the same kind');
	if (from.kind === 'clock' ? from.value === to.value : from.value > to.value)
		throw new ExpressionSyntaxError(
			offset,
			'BETWEEN is never true like this: its end is not after its beginning',
		);
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
		/**
		 * From one value to another. Days and numbers include both ends; times of day and moments end before the
		 * second one, and times of day may go past midnight.
		 */
		BETWEEN: {
			arity: 3,
			gives: 'boolean or list',
			check: checkBetween,
			apply([value, from, to], label, budget) {
				const [begin, end] = [orderedOf(from, label), orderedOf(to, label)];
				return broadcast(value ?? null, null, budget, each => {
					const { kind, value: at } = orderedOf(each, label);
					if (kind !== begin.kind || kind !== end.kind)
						throw new Undecided(`${label()}: the three are not of one kind`);
					return isWithin(at, begin.value, end.value, kind);
				});
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
