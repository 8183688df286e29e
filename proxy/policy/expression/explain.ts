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
	const valueAt = (tree: Tree): JsonValue | undefined => {
		const place = compiled.places.get(tree);
		return place === undefined ? undefined : trace[place];
	};
	const found = new Set<string>();
	const name = (tree: Tree): void => {
		const place = compiled.places.get(tree);
		const value = place === undefined ? undefined : trace[place];
		if (place === undefined || value === undefined) return;
		const unit = isQuantity(value) ? units.get(tree) : undefined;
		found.add(`${compiled.traced[place]?.text} is ${shown(value)}${unit === undefined ? '' : ` ${unit}`}`);
	};
	const explain = (tree: Tree): void => {
		switch (tree.kind) {
			case 'and':
			case 'or': {
				// The side that decided alone: the false one of `and`, the true one of `or`.
				const decisive = tree.kind === 'or';
				const alone =
					valueAt(tree) === decisive && [tree.left, tree.right].find(side => valueAt(side) === decisive);
				for (const side of alone ? [alone] : [tree.left, tree.right]) explain(side);
				return;
			}
			case 'not':
				explain(tree.operand);
				return;
			case 'choose':
				explain(tree.test);
				explain(valueAt(tree.test) === true ? tree.yes : tree.no);
				return;
			case 'compare':
			case 'in':
			case 'arithmetic':
				for (const side of [tree.left, tree.right]) {
					name(side);
					if (side.kind === 'arithmetic') explain(side);
				}
				return;
			case 'call':
				for (const arg of tree.args) name(arg);
				return;
			default:
				name(tree);
		}
	};
	explain(compiled.tree);
	return [...found];
}

function brief(value: JsonValue): JsonValue {
	if (isList(value)) {
		if (value.length <= keptElements && value.every(isShort)) return value;
		const kept = value.slice(0, keptElements).map(element => brief(element));
		return value.length > keptElements ? [...kept, `… and ${value.length - keptElements} more`] : kept;
	}
	if (typeof value === 'object' && value !== null) return '(an object)';
	return typeof value === 'string' && value.length > 256 ? `${value.slice(0, 255)}…` : value;
}

const isShort = (value: JsonValue): boolean =>
	typeof value === 'string' ? value.length <= 256 : typeof value !== 'object' || value === null;
