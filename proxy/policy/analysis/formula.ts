import { parseTree } from '../expression/syntax.ts';
import { children, render, type Tree } from '../expression/tree.ts';
import type { PrePolicy } from '../policy-set.ts';

/** What can differ from one set of facts to another: a single value at a path, or a fold over a list. */
export interface Variable {
	/** As the policy writes it: `Resource.PowerState`, `SUM(External.PDU.Outlets.Power)`. */
	readonly key: string;
	/** `COUNT`, `SUM`…; undefined for a single value. */
	readonly fold: string | undefined;
	/** What is folded. */
	readonly list: Tree | undefined;
}

/** A part of a policy that is true, false or cannot be decided as a whole. */
export interface Atom {
	readonly key: string;
	readonly tree: Tree;
	readonly variables: readonly Variable[];
	/** Holds something whose values are not modelled (time, rates, an index): nothing is proved about it. */
	readonly foreign: boolean;
}

/** A policy as and, or, not and choice over atoms. */
export type Formula =
	| { readonly kind: 'atom'; readonly atom: Atom }
	| { readonly kind: 'constant'; readonly value: boolean }
	| { readonly kind: 'and' | 'or'; readonly left: Formula; readonly right: Formula }
	| { readonly kind: 'not'; readonly operand: Formula }
	| { readonly kind: 'choose'; readonly test: Formula; readonly yes: Formula; readonly no: Formula };

/** Functions that give one value for a whole list. */
const folds: ReadonlySet<string> = new Set(['SUM', 'MIN', 'MAX', 'AVG', 'COUNT', 'LEN', 'ANY', 'ALL']);
/** Functions of the time and of what was executed that give one number or name; the other ones are foreign. */
const measures: ReadonlySet<string> = new Set(['HOUR', 'WEEKDAY', 'EXECUTED']);
const plainFunctions: ReadonlySet<string> = new Set(['LOWER', 'CONTAINS', 'STARTSWITH', 'ENDSWITH']);
/** What the paths of a condition may begin with, as far as it is modelled. */
export const roots: ReadonlySet<string> = new Set(['Request', 'Resource', 'External']);

/** A policy as a formula. What the analysis does not know becomes a foreign atom; never throws. */
export function formulaOf(pre: PrePolicy): Formula {
	try {
		return toFormula(treeOf(pre));
	} catch {
		const tree: Tree = { kind: 'literal', value: null };
		return { kind: 'atom', atom: { key: pre.source, tree, variables: [], foreign: true } };
	}
}

/** The tree that the policy was compiled from, with helpers put in their places where there were any. */
export function treeOf(pre: PrePolicy): Tree {
	return pre.tree ?? parseTree(pre.source);
}

/** Equal for conditions that mean the same: without spaces, needless parentheses and the names of helpers. */
export function conditionKey(pre: PrePolicy): string {
	try {
		return render(treeOf(pre));
	} catch {
		return pre.source;
	}
}

function toFormula(tree: Tree): Formula {
	switch (tree.kind) {
		case 'and':
		case 'or':
			return { kind: tree.kind, left: toFormula(tree.left), right: toFormula(tree.right) };
		case 'not':
			return { kind: 'not', operand: toFormula(tree.operand) };
		case 'choose':
			return {
				kind: 'choose',
				test: toFormula(tree.test),
				yes: toFormula(tree.yes),
				no: toFormula(tree.no),
			};
		case 'literal':
			if (typeof tree.value === 'boolean') return { kind: 'constant', value: tree.value };
			break;
		default:
	}
	return { kind: 'atom', atom: atomOf(tree) };
}

function atomOf(tree: Tree): Atom {
	const variables = new Map<string, Variable>();
	const foreign = !collect(tree, variables);
	return { key: render(tree), tree, variables: [...variables.values()], foreign };
}

/** False where something stands in the tree that is not modelled. */
function collect(tree: Tree, variables: Map<string, Variable>): boolean {
	switch (tree.kind) {
		case 'literal':
			return true;
		case 'path': {
			const key = render(tree);
			variables.set(key, { key, fold: undefined, list: undefined });
			return isModelled(tree);
		}
		case 'call': {
			const { name } = tree.name;
			if (measures.has(name)) {
				const key = render(tree);
				variables.set(key, { key, fold: name, list: undefined });
				return true;
			}
			const [list] = tree.args;
			if (folds.has(name) && list && tree.args.length === 1) {
				const key = render(tree);
				variables.set(key, { key, fold: name, list });
				return true;
			}
			return plainFunctions.has(name) && collectAll(tree.args, variables);
		}
		case 'list':
		case 'negate':
		case 'not':
		case 'arithmetic':
		case 'compare':
		case 'in':
		case 'and':
		case 'or':
			return collectAll(children(tree), variables);
		default:
			// Also what the language learns after this was written.
			return false;
	}
}

function collectAll(trees: readonly Tree[], variables: Map<string, Variable>): boolean {
	return trees.map(tree => collect(tree, variables)).every(Boolean);
}

function isModelled(path: Extract<Tree, { kind: 'path' }>): boolean {
	const [root] = path.names;
	return root !== undefined && roots.has(root.name) && path.names.length > 1;
}

/** The paths that stand in a tree, without repetition. */
export function pathsIn(tree: Tree): readonly Extract<Tree, { kind: 'path' }>[] {
	const found = new Map<string, Extract<Tree, { kind: 'path' }>>();
	const visit = (each: Tree): void => {
		if (each.kind === 'path') found.set(render(each), each);
		else for (const child of children(each)) visit(child);
	};
	visit(tree);
	return [...found.values()];
}

/** The tree with every part that reads `key` replaced by another tree. */
export function substitute(tree: Tree, key: string, by: Tree): Tree {
	return replaceWhere(tree, part =>
		(part.kind === 'path' || part.kind === 'call') && render(part) === key ? by : undefined,
	);
}

/** The tree with parts replaced, from the outside inwards; undefined leaves one as it is. */
export function replaceWhere(tree: Tree, by: (part: Tree) => Tree | undefined): Tree {
	return by(tree) ?? mapChildren(tree, child => replaceWhere(child, by));
}

function mapChildren(tree: Tree, map: (child: Tree) => Tree): Tree {
	switch (tree.kind) {
		case 'list':
			return { ...tree, items: tree.items.map(map) };
		case 'call':
			return { ...tree, args: tree.args.map(map) };
		case 'member':
			return { ...tree, object: map(tree.object) };
		case 'index':
			return { ...tree, object: map(tree.object), index: map(tree.index) };
		case 'negate':
		case 'not':
			return { ...tree, operand: map(tree.operand) };
		case 'choose':
			return { ...tree, test: map(tree.test), yes: map(tree.yes), no: map(tree.no) };
		case 'arithmetic':
		case 'compare':
		case 'in':
		case 'and':
		case 'or':
			return { ...tree, left: map(tree.left), right: map(tree.right) };
		default:
			return tree;
	}
}
