import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import type { Compiled } from './compile.ts';
import type { Tree } from './tree.ts';
import { isQuantity } from './units.ts';
import { isList, shown } from './values.ts';

/** Longer lists are kept by their beginning: reasons go into logs and answers. */
const keptElements = 64;

type Trace = readonly (JsonValue | undefined)[];

/** The values that an evaluation met, innermost first. */
export function tracedValues<Input>(
	compiled: Compiled<Input>,
	trace: Trace,
	units: ReadonlyMap<Tree, string> = new Map(),
): { readonly expression: string; readonly value: JsonValue; readonly unit?: string }[] {
	return compiled.traced.flatMap(({ tree, text }, i) => {
		const value = trace[i];
		if (value === undefined) return [];
		const unit = isQuantity(value) ? units.get(tree) : undefined;
		return [{ expression: text, value: brief(value), ...(unit !== undefined && { unit }) }];
	});
}

/** Why the expression came out as it did: the values on either side of the comparisons that decided it. */
export function decisiveValues<Input>(
	compiled: Compiled<Input>,
	trace: Trace,
	units: ReadonlyMap<Tree, string> = new Map(),
): string[] {
	const known = new Map<Tree, { text: string; value: JsonValue }>();
	for (const [i, { tree, text }] of compiled.traced.entries()) {
		const value = trace[i];
		if (value !== undefined) known.set(tree, { text, value });
	}
	const named = (tree: Tree): string[] => {
		const found = known.get(tree);
		if (!found) return [];
		const unit = isQuantity(found.value) ? units.get(tree) : undefined;
		return [`${found.text} is ${shown(found.value)}${unit === undefined ? '' : ` ${unit}`}`];
	};
	const because = (tree: Tree): string[] => {
		switch (tree.kind) {
			case 'and':
			case 'or': {
				// The side that decided alone: the false one of `and`, the true one of `or`.
				const decisive = tree.kind === 'or';
				if (known.get(tree)?.value === decisive) {
					const alone = [tree.left, tree.right].find(side => known.get(side)?.value === decisive);
					if (alone) return because(alone);
				}
				return [...because(tree.left), ...because(tree.right)];
			}
			case 'not':
				return because(tree.operand);
			case 'choose':
				return [...because(tree.test), ...because(known.get(tree.test)?.value === true ? tree.yes : tree.no)];
			case 'compare':
			case 'in':
			case 'arithmetic':
				return [tree.left, tree.right].flatMap(side =>
					side.kind === 'arithmetic' ? [...named(side), ...because(side)] : named(side),
				);
			case 'call':
				return tree.args.flatMap(named);
			default:
				return named(tree);
		}
	};
	return [...new Set(because(compiled.tree))];
}

function brief(value: JsonValue): JsonValue {
	if (isList(value)) {
		const kept = value.slice(0, keptElements).map(element => brief(element));
		return value.length > keptElements ? [...kept, `… and ${value.length - keptElements} more`] : kept;
	}
	if (typeof value === 'object' && value !== null) return '(an object)';
	return typeof value === 'string' && value.length > 256 ? `${value.slice(0, 255)}…` : value;
}
