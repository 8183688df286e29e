import type { Atom, Formula } from './formula.ts';

/** An atom that must come out true, or false. */
export interface Literal {
	readonly atom: Atom;
	readonly wanted: boolean;
}

export interface Wish {
	readonly formula: Formula;
	readonly wanted: boolean;
}

/**
 * Every way in which all wishes come true together, as the atoms that are evaluated on it. It follows the
 * evaluator: what `and`, `or` and `?:` skip is not in it, so it need not even have a value.
 */
export function* alternatives(
	wishes: readonly Wish[],
	chosen: ReadonlyMap<string, Literal> = new Map(),
): Generator<readonly Literal[]> {
	const [wish, ...rest] = wishes;
	if (!wish) {
		yield [...chosen.values()];
		return;
	}
	const { formula, wanted } = wish;
	const go = (...first: Wish[]) => alternatives([...first, ...rest], chosen);
	const want = (of: Formula, value: boolean): Wish => ({ formula: of, wanted: value });
	switch (formula.kind) {
		case 'constant':
			if (formula.value === wanted) yield* go();
			return;
		case 'atom': {
			const { atom } = formula;
			const before = chosen.get(atom.key);
			if (before && before.wanted !== wanted) return;
			yield* alternatives(rest, before ? chosen : new Map([...chosen, [atom.key, { atom, wanted }]]));
			return;
		}
		case 'not':
			yield* go(want(formula.operand, !wanted));
			return;
		case 'and':
		case 'or': {
			// `and` is decided by a false left side alone, `or` by a true one.
			const decisive = formula.kind === 'or';
			if (wanted === decisive) {
				yield* go(want(formula.left, decisive));
				yield* go(want(formula.left, !decisive), want(formula.right, decisive));
			} else yield* go(want(formula.left, !decisive), want(formula.right, !decisive));
			return;
		}
		case 'choose':
			yield* go(want(formula.test, true), want(formula.yes, wanted));
			yield* go(want(formula.test, false), want(formula.no, wanted));
	}
}
