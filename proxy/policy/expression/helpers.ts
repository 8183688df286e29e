import { ExpressionSyntaxError } from './outcome.ts';
import { children, type PathName, type Tree } from './tree.ts';

/** Parts of an expression once its helpers stand in it. */
const maxExpandedParts = 2000;

/** A party's helpers by name, themselves without any. */
export type Helpers = ReadonlyMap<string, Tree>;

/** The names at the beginning of paths; helpers are used by theirs. */
export function leadingNames(tree: Tree): PathName[] {
	if (tree.kind === 'path') return tree.names.slice(0, 1);
	return children(tree).flatMap(leadingNames);
}

/**
 * Puts helpers in the place of their names; what comes behind a name (`pdu.Outlets`) stays behind it.
 * @throws ExpressionSyntaxError when that makes too long an expression.
 */
export function expandHelpers(tree: Tree, helpers: Helpers): Tree {
	if (helpers.size === 0) return tree;
	let parts = 0;
	const count = (more: number, offset: number): void => {
		parts += more;
		if (parts > maxExpandedParts) {
			throw new ExpressionSyntaxError(
				offset,
				`with its helpers written out it has more than ${maxExpandedParts} parts; split the rule`,
			);
		}
	};
	const expand = (part: Tree): Tree => {
		if (part.kind !== 'path') {
			count(1, 0);
			return withChildren(part, expand);
		}
		const [head, ...rest] = part.names;
		const helper = head && helpers.get(head.name);
		if (!head || !helper) {
			count(1, 0);
			return part;
		}
		count(sizeOf(helper) + rest.length, head.offset);
		return rest.reduce(memberOf, placeAt(helper, head.offset));
	};
	return expand(tree);
}

function memberOf(object: Tree, name: PathName): Tree {
	if (object.kind === 'path') return { kind: 'path', names: [...object.names, name] };
	if (object.kind === 'literal')
		throw new ExpressionSyntaxError(
			name.offset,
			`a helper that is ${JSON.stringify(object.value)} has no properties`,
		);
	return { kind: 'member', object, name };
}

/** Problems inside a helper are told where it is written; from here on it is a part of what uses it. */
function placeAt(tree: Tree, offset: number): Tree {
	if (tree.kind === 'path') return { kind: 'path', names: tree.names.map(({ name }) => ({ name, offset })) };
	const placed = withChildren(tree, child => placeAt(child, offset));
	if (placed.kind === 'call' || placed.kind === 'member') {
		return { ...placed, name: { name: placed.name.name, offset } };
	}
	return placed;
}

const sizeOf = (tree: Tree): number => children(tree).reduce((sum, child) => sum + sizeOf(child), 1);

/** The same tree over other children. */
function withChildren(tree: Tree, change: (child: Tree) => Tree): Tree {
	switch (tree.kind) {
		case 'literal':
		case 'path':
			return tree;
		case 'list':
			return { ...tree, items: tree.items.map(change) };
		case 'call':
			return { ...tree, args: tree.args.map(change) };
		case 'member':
			return { ...tree, object: change(tree.object) };
		case 'index':
			return { ...tree, object: change(tree.object), index: change(tree.index) };
		case 'negate':
		case 'not':
			return { ...tree, operand: change(tree.operand) };
		case 'choose':
			return { ...tree, test: change(tree.test), yes: change(tree.yes), no: change(tree.no) };
		default:
			return { ...tree, left: change(tree.left), right: change(tree.right) };
	}
}
