import { children, render, type Tree } from '../expression/tree.ts';

/**
 * Where the truth of a tree can change as one variable takes other values. A regular tree is constant between
 * these places, so that one value for each stretch stands for all of them.
 */
export interface Shape {
	readonly numbers: readonly number[];
	/** Around a place that was computed: floating point may put it anywhere in here. */
	readonly zones: readonly (readonly [from: number, to: number])[];
	readonly texts: readonly string[];
	readonly regular: boolean;
}

const smooth: Shape = { numbers: [], zones: [], texts: [], regular: true };

/** @param key the variable, as it is rendered */
export function shapeOf(tree: Tree, key: string): Shape {
	if (isVariable(tree, key) || tree.kind === 'literal') return smooth;
	switch (tree.kind) {
		case 'compare': {
			const constant = isVariable(tree.left, key)
				? tree.right
				: isVariable(tree.right, key)
					? tree.left
					: undefined;
			if (constant?.kind === 'literal') return constants([constant]);
			const place = crossing(tree.left, tree.right, key);
			return place ? { ...smooth, zones: [place] } : irregular(tree);
		}
		case 'in':
			return isVariable(tree.left, key) && tree.right.kind === 'list' && tree.right.items.every(isLiteral)
				? constants(tree.right.items)
				: irregular(tree);
		case 'and':
		case 'or':
		case 'not':
			return join(children(tree).map(child => shapeOf(child, key)));
		default:
			return irregular(tree);
	}
}

export function join(shapes: readonly Shape[]): Shape {
	return {
		numbers: shapes.flatMap(({ numbers }) => numbers),
		zones: shapes.flatMap(({ zones }) => zones),
		texts: shapes.flatMap(({ texts }) => texts),
		regular: shapes.every(({ regular }) => regular),
	};
}

export const isInZone = ({ zones }: Shape, value: unknown): boolean =>
	typeof value === 'number' && zones.some(([from, to]) => value >= from && value <= to);

function isVariable(tree: Tree, key: string): boolean {
	return (tree.kind === 'path' || tree.kind === 'call') && render(tree) === key;
}

const isLiteral = (tree: Tree): boolean => tree.kind === 'literal';

function constants(trees: readonly Tree[]): Shape {
	const values = trees.flatMap(tree => (tree.kind === 'literal' ? [tree.value] : []));
	return {
		...smooth,
		numbers: values.filter(value => typeof value === 'number'),
		texts: values.filter(value => typeof value === 'string'),
	};
}

/** Its constants are still good candidates. */
function irregular(tree: Tree): Shape {
	const all: Tree[] = [];
	const visit = (each: Tree): void => {
		if (each.kind === 'literal') all.push(each);
		else for (const child of children(each)) visit(child);
	};
	visit(tree);
	return { ...constants(all), regular: false };
}

/** Where two sides meet that are linear in the variable. */
function crossing(left: Tree, right: Tree, key: string): readonly [number, number] | undefined {
	const a = linear(left, key);
	const b = linear(right, key);
	if (!a || !b || a.factor === b.factor) return undefined;
	const factor = a.factor - b.factor;
	const place = (b.offset - a.offset) / factor;
	const size = Math.abs(place) + Math.abs(a.offset / factor) + Math.abs(b.offset / factor);
	const width = 1e-9 * (1 + size);
	return Number.isFinite(width) ? [place - width, place + width] : undefined;
}

interface Linear {
	readonly factor: number;
	readonly offset: number;
}

function linear(tree: Tree, key: string): Linear | undefined {
	if (isVariable(tree, key)) return { factor: 1, offset: 0 };
	if (tree.kind === 'literal')
		return typeof tree.value === 'number' ? { factor: 0, offset: tree.value } : undefined;
	if (tree.kind === 'negate') {
		const operand = linear(tree.operand, key);
		return operand && { factor: -operand.factor, offset: -operand.offset };
	}
	if (tree.kind !== 'arithmetic') return undefined;
	const a = linear(tree.left, key);
	const b = linear(tree.right, key);
	if (!a || !b) return undefined;
	switch (tree.operator) {
		case '+':
			return { factor: a.factor + b.factor, offset: a.offset + b.offset };
		case '-':
			return { factor: a.factor - b.factor, offset: a.offset - b.offset };
		case '*':
			if (b.factor === 0) return { factor: a.factor * b.offset, offset: a.offset * b.offset };
			return a.factor === 0 ? { factor: b.factor * a.offset, offset: b.offset * a.offset } : undefined;
		case '/':
			return b.factor === 0 && b.offset !== 0
				? { factor: a.factor / b.offset, offset: a.offset / b.offset }
				: undefined;
		default:
			return undefined;
	}
}
