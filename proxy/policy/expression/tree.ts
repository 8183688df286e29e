/** An expression as the evaluator, the explanations and the analysis see it. Offsets are into its source. */
export type Tree =
	| { readonly kind: 'literal'; readonly value: null | boolean | number | string }
	| { readonly kind: 'list'; readonly items: readonly Tree[] }
	| { readonly kind: 'path'; readonly names: readonly PathName[] }
	| { readonly kind: 'member'; readonly object: Tree; readonly name: PathName }
	| { readonly kind: 'index'; readonly object: Tree; readonly index: Tree }
	| { readonly kind: 'call'; readonly name: PathName; readonly args: readonly Tree[] }
	| { readonly kind: 'negate' | 'not'; readonly operand: Tree }
	| {
			readonly kind: 'arithmetic';
			readonly operator: ArithmeticOperator;
			readonly left: Tree;
			readonly right: Tree;
	  }
	| {
			readonly kind: 'compare';
			readonly operator: CompareOperator;
			readonly left: Tree;
			readonly right: Tree;
	  }
	| { readonly kind: 'in'; readonly left: Tree; readonly right: Tree }
	| { readonly kind: 'and' | 'or'; readonly left: Tree; readonly right: Tree }
	| { readonly kind: 'choose'; readonly test: Tree; readonly yes: Tree; readonly no: Tree };

export interface PathName {
	readonly name: string;
	readonly offset: number;
}
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%';
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** Higher binds tighter; used to write parentheses only where they are needed. */
const strength: Readonly<Record<Tree['kind'], number>> = {
	choose: 0,
	or: 1,
	and: 2,
	compare: 3,
	in: 3,
	arithmetic: 4,
	not: 6,
	negate: 6,
	index: 7,
	member: 7,
	path: 8,
	call: 8,
	list: 8,
	literal: 8,
};

/** The expression as text, without needless spaces or parentheses, as the slides write it. */
export function render(tree: Tree): string {
	switch (tree.kind) {
		case 'literal':
			return JSON.stringify(tree.value);
		case 'list':
			return `[${tree.items.map(render).join(', ')}]`;
		case 'path':
			return tree.names.map(part => part.name).join('.');
		case 'member':
			return `${holder(tree.object)}.${tree.name.name}`;
		case 'index':
			return `${holder(tree.object)}[${render(tree.index)}]`;
		case 'call':
			return `${tree.name.name}(${tree.args.map(render).join(', ')})`;
		case 'negate':
			return `-${inner(tree.operand, 7)}`;
		case 'not':
			return `not (${render(tree.operand)})`;
		case 'arithmetic': {
			const own = tree.operator === '+' || tree.operator === '-' ? 4 : 5;
			return `${operand(tree.left, own)}${tree.operator}${operand(tree.right, own + 1)}`;
		}
		case 'compare':
			return `${operand(tree.left, 3)}${tree.operator}${operand(tree.right, 4)}`;
		case 'in':
			return `${operand(tree.left, 3)} in ${operand(tree.right, 4)}`;
		case 'and':
			return `${inner(tree.left, 2)} and ${inner(tree.right, 3)}`;
		case 'or':
			return `${inner(tree.left, 1)} or ${inner(tree.right, 2)}`;
		case 'choose':
			return `${inner(tree.test, 1)} ? ${inner(tree.yes, 1)} : ${inner(tree.no, 1)}`;
	}
}

function inner(tree: Tree, least: number): string {
	// A negative number is written as a sign and a number.
	const isSigned = tree.kind === 'literal' && typeof tree.value === 'number' && tree.value < 0;
	return (isSigned ? strength.negate : strength[tree.kind]) < least ? `(${render(tree)})` : render(tree);
}

/** The grammar takes no `.` and no `[` directly behind a call. */
function holder(tree: Tree): string {
	return tree.kind === 'call' ? `(${render(tree)})` : inner(tree, 7);
}

function operand(tree: Tree, least: number): string {
	const own =
		tree.kind === 'arithmetic' && (tree.operator === '*' || tree.operator === '/' || tree.operator === '%')
			? 5
			: strength[tree.kind];
	return own < least ? `(${render(tree)})` : render(tree);
}

/** Where the tree's text begins, as far as a name in it says so. */
export function offsetOf(tree: Tree): number {
	switch (tree.kind) {
		case 'path':
			return tree.names[0]?.offset ?? 0;
		case 'call':
			return tree.name.offset;
		case 'member':
		case 'index':
			return offsetOf(tree.object);
		case 'negate':
		case 'not':
			return offsetOf(tree.operand);
		case 'arithmetic':
		case 'compare':
		case 'in':
		case 'and':
		case 'or':
			return offsetOf(tree.left);
		case 'choose':
			return offsetOf(tree.test);
		case 'list':
			return tree.items[0] ? offsetOf(tree.items[0]) : 0;
		case 'literal':
			return 0;
	}
}

/** The trees directly below. */
export function children(tree: Tree): readonly Tree[] {
	switch (tree.kind) {
		case 'literal':
		case 'path':
			return [];
		case 'list':
			return tree.items;
		case 'call':
			return tree.args;
		case 'member':
			return [tree.object];
		case 'index':
			return [tree.object, tree.index];
		case 'negate':
		case 'not':
			return [tree.operand];
		case 'choose':
			return [tree.test, tree.yes, tree.no];
		default:
			return [tree.left, tree.right];
	}
}
