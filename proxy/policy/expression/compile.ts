import { nearest } from '../../../common/config/nearest.ts';
import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { policyFunctions } from './functions.ts';
import { ExpressionSyntaxError } from './outcome.ts';
import { children, offsetOf, type PathName, render, type Tree } from './tree.ts';
import {
	type Budget,
	broadcast,
	calculate,
	compare,
	comparison,
	isList,
	kindOf,
	plain,
	property,
	shown,
	spend,
	truth,
	Undecided,
} from './values.ts';

/** Steps that one evaluation may take; a step is a node visited or a list's element handled. */
export const maxSteps = 100_000;

/** One evaluation under way. `trace` holds, by a node's number, the value that it had. */
export interface Scope<Input> extends Budget {
	readonly input: Input;
	readonly trace: (JsonValue | undefined)[];
}

/** How many leading names of a path are looked up by the policy's kind, and how. */
export interface Root<Input> {
	readonly taken: number;
	/** @throws Undecided */
	readonly read: (input: Input) => JsonValue;
}

/** What a path may begin with; throws ExpressionSyntaxError at the name that is wrong. */
export type ResolveRoot<Input> = (names: readonly PathName[]) => Root<Input>;

type Evaluate<Input> = (scope: Scope<Input>) => JsonValue;
export type CallTree = Extract<Tree, { kind: 'call' }>;

/** A function that reads the input beside its arguments, which are all written as they are: HOUR("Europe/Berlin"). */
export interface InputFunction<Input> {
	readonly gives: 'number' | 'text';
	/** Called once for each use. @throws ExpressionSyntaxError */
	readonly compile: (call: CallTree) => (input: Input, budget: Budget) => JsonValue;
}
export type InputFunctions<Input> = Readonly<Record<string, InputFunction<Input>>>;

interface Traced {
	readonly tree: Tree;
	readonly text: string;
}

export interface Compiled<Input> {
	readonly tree: Tree;
	/** @throws Undecided */
	readonly evaluate: Evaluate<Input>;
	/** Every tree whose value is kept, innermost first; its index is its place in `trace`. */
	readonly traced: readonly Traced[];
	/** The place in `trace` of each of them. */
	readonly places: ReadonlyMap<Tree, number>;
}

/**
 * Turns a tree into closures, once for each policy version. What can be known to be wrong without data is an
 * error here: unknown names and functions, a wrong number of arguments, a result that is not true or false.
 * @throws ExpressionSyntaxError
 */
export function compileCondition<Input>(
	tree: Tree,
	resolve: ResolveRoot<Input>,
	functions: InputFunctions<Input> = {},
): Compiled<Input> {
	checkGivesTruth(tree, functions);
	return compileValue(tree, resolve, functions);
}

/** The same for an expression that may give anything. @throws ExpressionSyntaxError */
export function compileValue<Input>(
	tree: Tree,
	resolve: ResolveRoot<Input>,
	functions: InputFunctions<Input> = {},
): Compiled<Input> {
	const traced: Traced[] = [];
	const evaluate = compileTree(tree, { resolve, functions, traced });
	return { tree, evaluate, traced, places: new Map(traced.map((each, i) => [each.tree, i])) };
}

interface Context<Input> {
	readonly resolve: ResolveRoot<Input>;
	readonly functions: InputFunctions<Input>;
	readonly traced: Traced[];
}

/** Its text is made when somebody reads it: those of all parts of a deep tree are as long as its depth squared. */
function withText(tree: Tree): Traced {
	let text: string | undefined;
	return {
		tree,
		get text() {
			text ??= render(tree);
			return text;
		},
	};
}

function compileTree<Input>(tree: Tree, context: Context<Input>): Evaluate<Input> {
	if (tree.kind === 'literal') return () => tree.value;
	const evaluate = compileNode(tree, context);
	if (tree.kind === 'list') return evaluate;
	const number = context.traced.push(withText(tree)) - 1;
	return scope => {
		spend(scope, 1);
		const value = evaluate(scope);
		scope.trace[number] = value;
		return value;
	};
}

function compileNode<Input>(
	tree: Exclude<Tree, { kind: 'literal' }>,
	context: Context<Input>,
): Evaluate<Input> {
	if (tree.kind === 'path') return compilePath(tree.names, context.resolve);
	if (tree.kind === 'call') {
		const { name } = tree.name;
		const known = Object.hasOwn(context.functions, name) ? context.functions[name] : undefined;
		if (known) {
			const read = known.compile(tree);
			return scope => read(scope.input, scope);
		}
		checkCall(tree, Object.keys(context.functions));
	}
	const compiled = children(tree).map(child => compileTree(child, context));
	const [first, second, third] = compiled as [Evaluate<Input>, Evaluate<Input>, Evaluate<Input>];
	switch (tree.kind) {
		case 'list':
			return scope => compiled.map(item => item(scope));
		case 'call':
			return compileCall(tree, compiled);
		case 'member': {
			const label = () => render(tree);
			return scope => property(first(scope), tree.name.name, label, scope);
		}
		case 'index':
			return scope => elementOf(first(scope), second(scope), () => render(tree));
		case 'negate':
			return scope => broadcast(0, first(scope), scope, (zero, value) => calculate('-', zero, value));
		case 'not': {
			const label = () => render(tree.operand);
			return scope => broadcast(first(scope), null, scope, value => !truth(value, label));
		}
		case 'arithmetic':
			return scope => broadcast(first(scope), second(scope), scope, (a, b) => calculate(tree.operator, a, b));
		case 'compare': {
			const compared = comparison(tree.operator);
			return scope => broadcast(first(scope), second(scope), scope, compared);
		}
		case 'in':
			return scope => isIn(first(scope), second(scope), () => render(tree.right), scope);
		case 'and':
		case 'or':
			return compileLogic(tree, first, second);
		case 'choose':
			return scope => (truth(first(scope), () => render(tree.test)) ? second(scope) : third(scope));
	}
}

function compilePath<Input>(names: readonly PathName[], resolve: ResolveRoot<Input>): Evaluate<Input> {
	const { taken, read } = resolve(names);
	const label = (length: number) => () =>
		names
			.slice(0, length)
			.map(({ name }) => name)
			.join('.');
	const rest = names.slice(taken).map(({ name }, i) => ({ name, label: label(taken + i + 1) }));
	return scope => {
		let value = plain(read(scope.input), label(taken));
		for (const each of rest) value = property(value, each.name, each.label, scope);
		return value;
	};
}

/** Short-circuits on single values; lists of true and false are combined element by element. */
function compileLogic<Input>(
	tree: Extract<Tree, { kind: 'and' | 'or' }>,
	left: Evaluate<Input>,
	right: Evaluate<Input>,
): Evaluate<Input> {
	const decisive = tree.kind === 'or';
	const leftLabel = () => render(tree.left);
	const rightLabel = () => render(tree.right);
	return scope => {
		const a = left(scope);
		if (!isList(a) && truth(a, leftLabel) === decisive) return decisive;
		return broadcast(a, right(scope), scope, (x, y) => {
			const one = truth(x, leftLabel);
			const other = truth(y, rightLabel);
			return decisive ? one || other : one && other;
		});
	};
}

function checkCall(tree: CallTree, more: readonly string[]): void {
	const { name, offset } = tree.name;
	const known = policyFunctions[name];
	if (!known) {
		const all = [...Object.keys(policyFunctions), ...more];
		const near = nearest(name, all);
		throw new ExpressionSyntaxError(
			offset,
			`unknown function "${name}"; ${near ? `did you mean ${near}?` : `there are ${all.join(', ')}`}`,
		);
	}
	if (tree.args.length !== known.arity) {
		throw new ExpressionSyntaxError(
			offset,
			`${name} takes ${known.arity === 1 ? 'one argument' : `${known.arity} arguments`}, found ${tree.args.length}`,
		);
	}
	known.check?.(tree);
}

function compileCall<Input>(tree: CallTree, args: readonly Evaluate<Input>[]): Evaluate<Input> {
	const known = policyFunctions[tree.name.name];
	if (!known) throw new ExpressionSyntaxError(tree.name.offset, `unknown function "${tree.name.name}"`);
	const label = () => render(tree);
	return scope => {
		const values = args.map(arg => arg(scope));
		for (const value of values) if (isList(value)) spend(scope, value.length);
		return known.apply(values, label, scope);
	};
}

function isIn(value: JsonValue, list: JsonValue, label: () => string, budget: Budget): JsonValue {
	if (!isList(list)) throw new Undecided(`${label()} is not a list; "in" looks in a list`);
	return broadcast(value, null, budget, element => {
		spend(budget, list.length);
		return list.some(candidate => compare('==', element, candidate));
	});
}

function elementOf(value: JsonValue, index: JsonValue, label: () => string): JsonValue {
	if (isList(value)) {
		const found =
			typeof index === 'number' && Number.isInteger(index) && index >= 0 ? value[index] : undefined;
		if (found === undefined)
			throw new Undecided(`no such element: ${label()}; the list has ${value.length}, counted from 0`);
		return plain(found, label);
	}
	if (
		typeof value === 'object' &&
		value !== null &&
		typeof index === 'string' &&
		Object.hasOwn(value, index)
	) {
		return plain((value as Readonly<Record<string, JsonValue>>)[index], label);
	}
	throw new Undecided(`no such property: ${label()} with ${shown(index)}`);
}

/** Refuses a policy that plainly gives something else than true or false. */
function checkGivesTruth<Input>(tree: Tree, functions: InputFunctions<Input>): void {
	if (tree.kind === 'and' || tree.kind === 'or' || tree.kind === 'not') {
		for (const operand of children(tree)) checkGivesTruth(operand, functions);
	} else if (tree.kind === 'choose') {
		checkGivesTruth(tree.yes, functions);
		checkGivesTruth(tree.no, functions);
	} else {
		const given = plainlyGives(tree, functions);
		if (given === undefined) return;
		throw new ExpressionSyntaxError(
			offsetOf(tree),
			`a policy must be true or false, and ${render(tree)} is ${given}; compare it with something`,
		);
	}
}

function plainlyGives<Input>(tree: Tree, functions: InputFunctions<Input>): string | undefined {
	switch (tree.kind) {
		case 'arithmetic':
		case 'negate':
			return 'a number';
		case 'list':
			return 'a list';
		case 'literal':
			return typeof tree.value === 'boolean' ? undefined : kindOf(tree.value);
		case 'call': {
			const { name } = tree.name;
			const own = Object.hasOwn(functions, name) ? functions[name] : undefined;
			const gives = (own ?? policyFunctions[name])?.gives;
			return gives === 'number'
				? 'a number'
				: gives === 'text or list' || gives === 'text'
					? 'a text'
					: undefined;
		}
		default:
			return undefined;
	}
}
