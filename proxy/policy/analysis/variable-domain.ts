import type { Literal } from './alternatives.ts';
import { type Cell, cellOfPoint, cellsOf, type Range, rangeOf, type Scalar, truthOf } from './cells.ts';
import type { Variable } from './formula.ts';
import { isInZone, join, type Shape, shapeOf } from './shape.ts';

/** What a variable can be, so that every literal about it alone comes out as wanted. */
export interface Domain {
	readonly variable: Variable;
	/** All literals that read this variable and no other. */
	readonly literals: readonly Literal[];
	/** With values that do it. */
	readonly fitting: readonly Cell[];
	/** That are not proved to fail; when there is none, the literals contradict each other. */
	readonly possible: readonly Cell[];
}

export interface DomainOptions {
	/** More places at which to cut, so that variables of one list can be compared. */
	readonly cuts?: Shape;
	/** The only values that it can have; undefined: any of its kind. */
	readonly only?: readonly Scalar[] | undefined;
	/** A text, whatever it is. */
	readonly isText?: boolean;
	/** When it is not what the variable's fold gives. */
	readonly range?: Range;
}

export function domainOf(
	variable: Variable,
	literals: readonly Literal[],
	{ cuts, only, isText = false, range }: DomainOptions = {},
): Domain {
	const { key, fold } = variable;
	const shaped = literals.map(({ atom, wanted }) => ({
		wanted,
		truth: truthOf(atom.tree, key),
		shape: shapeOf(atom.tree, key),
	}));
	const shape = join([...shaped.map(each => each.shape), ...(cuts ? [cuts] : [])]);
	const all = only ? only.map(cellOfPoint) : cellsOf(range ?? rangeOf(fold), shape);
	const fitting: Cell[] = [];
	const possible: Cell[] = [];
	for (const cell of all) {
		if (isText && typeof cell.value !== 'string') continue;
		let fits = true;
		let refuted = cell.extra;
		for (const { wanted, truth, shape: own } of shaped) {
			if (truth(cell.value) === wanted) continue;
			fits = false;
			// One value speaks for its whole stretch only where the tree is regular.
			if (cell.point || (own.regular && !isInZone(own, cell.value))) refuted = true;
		}
		if (fits) fitting.push(cell);
		if (!refuted) possible.push(cell);
	}
	return { variable, literals, fitting, possible };
}

/** The fewest of the literals that still contradict each other, by leaving out one after the other. */
export function smallestCore(
	literals: readonly Literal[],
	contradict: (some: readonly Literal[]) => boolean,
): readonly Literal[] {
	let core = literals;
	for (const literal of literals) {
		const fewer = core.filter(other => other !== literal);
		if (fewer.length > 0 && contradict(fewer)) core = fewer;
	}
	return core;
}
