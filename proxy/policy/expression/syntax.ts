import { Parser } from 'expr-eval';
import { ExpressionSyntaxError } from './outcome.ts';
import { type ScannedToken, scanExpression, shortened } from './scan.ts';
import { type ArithmeticOperator, type CompareOperator, type PathName, render, type Tree } from './tree.ts';

/** The library's parsed form: instructions in postfix order (its own type declarations leave them out). */
interface Instruction {
	readonly type: string;
	readonly value: unknown;
}

/** Names that lead from data to the machinery behind it; no property of a Redfish resource is called so. */
const forbiddenNames = new Set(['__proto__', 'prototype', 'constructor']);
/** The library turns a constant null into 0, so null travels as this. */
const nullMark = Object.freeze({ null: true });
const maxTreeDepth = 128;

/**
 * Reads an expression by the expression library's parser and gives its tree; nothing is evaluated here.
 * @throws ExpressionSyntaxError
 */
export function parseTree(source: string): Tree {
	const tokens = scanExpression(source);
	const instructions = readInstructions(source, tokens);
	// Names come out of the parser in the order in which they stand in the text; so each finds its place.
	const names = tokens.filter(token => token.kind === 'name')[Symbol.iterator]();
	return buildTree(instructions, names, 0);
}

function createParser(): Parser {
	const parser = new Parser({
		operators: Object.assign(Object.create(null), {
			assignment: false,
			fndef: false,
			concatenate: false,
			factorial: false,
			power: false,
			random: false,
		}) as object,
	});
	// Without prototypes, so that `toString` or `constructor` is nothing but a name to it; and none of its
	// functions: the ones that policies have are ours.
	const names = (...known: string[]) =>
		Object.assign(Object.create(null), Object.fromEntries(known.map(name => [name, true])));
	Object.assign(parser, {
		unaryOps: names('-', '+', 'not'),
		binaryOps: names('+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', 'and', 'or', 'in', '['),
		ternaryOps: names('?'),
		functions: names(),
		consts: Object.assign(Object.create(null), { true: true, false: false, null: nullMark }),
	});
	return parser;
}

function readInstructions(source: string, tokens: readonly ScannedToken[]): readonly Instruction[] {
	const parser = createParser();
	try {
		// The space behind it tells a problem at the last token from one at the end.
		return (parser.parse(`${source} `) as unknown as { tokens: readonly Instruction[] }).tokens;
	} catch (error) {
		if (error instanceof RangeError) throw error;
		throw explainFailure(parser, source, tokens, (error as Error).message);
	}
}

/** Puts the library's message into words, at the token that it is about. */
function explainFailure(
	parser: Parser,
	source: string,
	tokens: readonly ScannedToken[],
	message: string,
): ExpressionSyntaxError {
	const placed = /^parse error \[(\d+):(\d+)\]: (?:Expected )?([\s\S]*)$/.exec(message);
	if (placed) {
		const lines = source.split('\n').slice(0, Number(placed[1]) - 1);
		const position = lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(placed[2]) - 1;
		const token =
			tokens.find(candidate => candidate.end === position) ??
			tokens.find(candidate => candidate.start === position);
		const found = token ? shortened(token.text) : 'the end';
		const offset = token?.start ?? Math.min(position, source.length);
		if (placed[3] === 'EOF')
			return new ExpressionSyntaxError(offset, `unexpected ${found}: expected an operator or the end`);
		if (placed[3] === 'TNAME')
			return new ExpressionSyntaxError(offset, `expected a property name after ".", found ${found}`);
		if (placed[3]?.length === 1)
			return new ExpressionSyntaxError(offset, `expected "${placed[3]}", found ${found}`);
		return new ExpressionSyntaxError(offset, placed[3] ?? message);
	}
	if (message.startsWith('unexpected TEOF')) {
		const depth = tokens.reduce((sum, { text }) => sum + Number(text === '(') - Number(text === ')'), 0);
		const afterValue = /[\w")'\]]$/.test(tokens.at(-1)?.text ?? '');
		const missing = depth > 0 && afterValue ? '")"' : 'a value';
		return new ExpressionSyntaxError(source.length, `the expression ends too early: expected ${missing}`);
	}
	// "unexpected <token>" comes without a place: the shortest beginning that fails alike ends at that token.
	const culprit = tokens.find(token => failureOf(parser, `${source.slice(0, token.end)} `) === message);
	return new ExpressionSyntaxError(
		culprit?.start ?? 0,
		`unexpected ${culprit ? shortened(culprit.text) : 'sign'}: expected a name, a number, a text or "("`,
	);
}

function failureOf(parser: Parser, source: string): string | undefined {
	try {
		parser.parse(source);
		return undefined;
	} catch (error) {
		return (error as Error).message;
	}
}

function buildTree(instructions: readonly Instruction[], names: Iterator<ScannedToken>, depth: number): Tree {
	if (depth > maxTreeDepth) throw new ExpressionSyntaxError(0, 'the expression is nested too deeply');
	const stack: Tree[] = [];
	const nested: Tree[] = [];
	const pop = (): Tree => {
		const tree = stack.pop();
		if (!tree) throw new ExpressionSyntaxError(0, 'this is not a complete expression');
		return tree;
	};
	const popMany = (count: number): Tree[] => Array.from({ length: count }, pop).reverse();
	const branch = (): Tree => {
		const tree = nested.pop();
		if (!tree) throw new ExpressionSyntaxError(0, 'this is not a complete expression');
		return tree;
	};
	for (const { type, value } of instructions) {
		switch (type) {
			case 'INUMBER':
				stack.push({
					kind: 'literal',
					value: value === nullMark ? null : (value as number | string | boolean),
				});
				break;
			case 'IVAR':
				stack.push({ kind: 'path', names: [nextName(String(value), names)] });
				break;
			case 'IMEMBER':
				stack.push(member(pop(), nextName(String(value), names)));
				break;
			case 'IARRAY':
				stack.push({ kind: 'list', items: popMany(Number(value)) });
				break;
			case 'IFUNCALL': {
				const args = popMany(Number(value));
				stack.push(call(pop(), args));
				break;
			}
			case 'IOP1':
				stack.push(unary(String(value), pop()));
				break;
			case 'IOP2': {
				const operator = String(value);
				const right = operator === 'and' || operator === 'or' ? branch() : pop();
				stack.push(binary(operator, pop(), right));
				break;
			}
			case 'IOP3': {
				const no = branch();
				stack.push({ kind: 'choose', yes: branch(), no, test: pop() });
				break;
			}
			case 'IEXPR':
				nested.push(buildTree(value as readonly Instruction[], names, depth + 1));
				break;
			default:
				throw new ExpressionSyntaxError(0, 'a policy is one expression without assignments');
		}
	}
	const tree = pop();
	if (stack.length > 0 || nested.length > 0) throw new ExpressionSyntaxError(0, 'this is not one expression');
	return tree;
}

function nextName(name: string, names: Iterator<ScannedToken>): PathName {
	const token = names.next().value as ScannedToken | undefined;
	// They can only differ if the library read the text otherwise than the scan did.
	if (token?.text !== name)
		throw new ExpressionSyntaxError(token?.start ?? 0, `cannot tell where ${shortened(name)} stands`);
	if (forbiddenNames.has(name))
		throw new ExpressionSyntaxError(token.start, `"${name}" is not a property that policies can read`);
	return { name, offset: token.start };
}

function member(object: Tree, name: PathName): Tree {
	if (object.kind === 'path') return { kind: 'path', names: [...object.names, name] };
	if (object.kind === 'literal')
		throw new ExpressionSyntaxError(name.offset, `${render(object)} has no properties`);
	return { kind: 'member', object, name };
}

function call(callee: Tree, args: readonly Tree[]): Tree {
	if (callee.kind === 'path' && callee.names.length === 1) {
		return { kind: 'call', name: callee.names[0] as PathName, args };
	}
	const offset = callee.kind === 'path' ? (callee.names.at(-1)?.offset ?? 0) : 0;
	throw new ExpressionSyntaxError(
		offset,
		`${shortened(render(callee))} is not a function; data cannot be called`,
	);
}

function unary(operator: string, operand: Tree): Tree {
	if (operator === 'not') return { kind: 'not', operand };
	if (operand.kind === 'literal' && typeof operand.value === 'number') {
		return { kind: 'literal', value: operator === '-' ? -operand.value : operand.value };
	}
	return operator === '-' ? { kind: 'negate', operand } : operand;
}

function binary(operator: string, left: Tree, right: Tree): Tree {
	switch (operator) {
		case 'and':
		case 'or':
			return { kind: operator, left, right };
		case '[':
			if (right.kind === 'literal' && typeof right.value === 'string' && forbiddenNames.has(right.value)) {
				throw new ExpressionSyntaxError(0, `"${right.value}" is not a property that policies can read`);
			}
			return { kind: 'index', object: left, index: right };
		case 'in':
			return { kind: 'in', left, right };
		case '+':
		case '-':
		case '*':
		case '/':
		case '%':
			return { kind: 'arithmetic', operator: operator satisfies ArithmeticOperator, left, right };
		case '==':
		case '!=':
		case '<':
		case '<=':
		case '>':
		case '>=':
			// In the library's grammar `not` binds tighter than a comparison, which nobody means.
			if (left.kind === 'not') {
				throw new ExpressionSyntaxError(
					0,
					`"not" takes only what follows it directly; write not (${render(left.operand)}${operator}${render(right)})`,
				);
			}
			return { kind: 'compare', operator: operator satisfies CompareOperator, left, right };
		default:
			throw new ExpressionSyntaxError(0, `"${operator}" is not part of the language`);
	}
}
