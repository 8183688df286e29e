import type { JsonValue } from '../../canonicalise/canonical-request.ts';
import { ExpressionSyntaxError } from './outcome.ts';
import { offsetOf, render, type Tree } from './tree.ts';
import { isList } from './values.ts';

/** Units by path: `External.PDU.Outlets.Power` → `W`. */
export type Units = ReadonlyMap<string, string>;

/**
 * The unit of each part of an expression that has one, so that reasons can say it.
 * @throws ExpressionSyntaxError where quantities of two units are added or compared.
 */
export function findUnits(tree: Tree, units: Units): ReadonlyMap<Tree, string> {
	const found = new Map<Tree, string>();
	if (units.size === 0) return found;
	const unitOf = (part: Tree): string | undefined => {
		const unit = ofPart(part);
		if (unit !== undefined) found.set(part, unit);
		return unit;
	};
	const same = (part: Tree, left: Tree, right: Tree, doing: string): string | undefined => {
		const [one, other] = [unitOf(left), unitOf(right)];
		if (one !== undefined && other !== undefined && one !== other) {
			throw new ExpressionSyntaxError(offsetOf(part), `${render(part)} ${doing} ${one} and ${other}`);
		}
		return one ?? other;
	};
	const ofPart = (part: Tree): string | undefined => {
		switch (part.kind) {
			case 'literal':
				return undefined;
			case 'path':
				return units.get(part.names.map(({ name }) => name).join('.'));
			case 'list':
				for (const item of part.items) unitOf(item);
				return undefined;
			case 'member':
				unitOf(part.object);
				return undefined;
			case 'index':
				unitOf(part.index);
				return unitOf(part.object);
			case 'negate':
				return unitOf(part.operand);
			case 'not':
				unitOf(part.operand);
				return undefined;
			case 'call': {
				const [first] = part.args.map(unitOf);
				return ['SUM', 'MIN', 'MAX', 'AVG'].includes(part.name.name) ? first : undefined;
			}
			case 'arithmetic': {
				if (part.operator === '+' || part.operator === '-') {
					return same(part, part.left, part.right, 'calculates with');
				}
				const [left, right] = [unitOf(part.left), unitOf(part.right)];
				// A multiple of watts are watts; what watts by watts or by hours are, is not followed.
				if (part.operator === '*') return right === undefined ? left : left === undefined ? right : undefined;
				return right === undefined ? left : undefined;
			}
			case 'compare':
			case 'in':
				same(part, part.left, part.right, 'compares');
				return undefined;
			case 'and':
			case 'or':
				unitOf(part.left);
				unitOf(part.right);
				return undefined;
			case 'choose':
				unitOf(part.test);
				return same(part, part.yes, part.no, 'is either');
		}
	};
	unitOf(tree);
	return found;
}

/** Has the value something that a unit can stand behind: a number, or a list of numbers? */
export function isQuantity(value: JsonValue): boolean {
	return isList(value) ? value.every(each => typeof each === 'number') : typeof value === 'number';
}
