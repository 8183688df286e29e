import { ExpressionSyntaxError } from './outcome.ts';

/** A policy expression longer than this is refused; characters. */
export const maxSourceLength = 4096;
const maxTokens = 1000;
const maxDepth = 64;

export interface ScannedToken {
	readonly kind: 'name' | 'keyword' | 'number' | 'string' | 'operator';
	readonly text: string;
	readonly start: number;
	readonly end: number;
}

const keywords = new Set(['and', 'or', 'not', 'in', 'true', 'false', 'null']);
const token =
	/\s+|([A-Za-z_][A-Za-z0-9_]*)|((?:0x[0-9A-Fa-f]+|0b[01]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))|("(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')|(\/\*|&&|\|\||==|!=|<=|>=|:=|[-+*/%<>()[\],.?:=!^;|&])/y;

/** What people write out of habit, and what the language has for it. */
const habits: Readonly<Record<string, string>> = {
	'=': '"=" assigns, and policies cannot; write "==" to compare',
	':=': '":=" belongs in a post-policy alone; write "==" to compare',
	'!': 'write "not (…)" instead of "!"',
	'&&': 'write "and" instead of "&&"',
	'&': 'write "and" instead of "&"',
	'||': 'write "or" instead of "||"',
	'|': 'write "or" instead of "|"',
	';': 'a policy is one expression; there is no ";"',
	'^': 'powers are not part of the language',
	'/*': 'write comments as YAML comments, with "#"',
};

/**
 * Splits an expression so that whatever the expression library would read differently from how it looks is
 * refused before it sees it (comments, strings that end in a backslash, values side by side, letters of other
 * scripts), and so that problems can be shown at their place.
 * @throws ExpressionSyntaxError
 */
export function scanExpression(source: string): ScannedToken[] {
	if (source.length > maxSourceLength) {
		throw new ExpressionSyntaxError(
			maxSourceLength,
			`longer than ${maxSourceLength} characters; split the rule or use shorter names`,
		);
	}
	const tokens: ScannedToken[] = [];
	let depth = 0;
	let at = 0;
	while (at < source.length) {
		token.lastIndex = at;
		const match = token.exec(source);
		if (!match) throw unreadable(source, at);
		const start = at;
		at = token.lastIndex;
		const kind = kindOf(match);
		if (kind === undefined) continue;
		const found: ScannedToken = { kind, text: match[0], start, end: at };
		checkToken(found, tokens.at(-1));
		if (found.text === '(' || found.text === '[') depth++;
		if (found.text === ')' || found.text === ']') depth--;
		if (depth > maxDepth) throw new ExpressionSyntaxError(start, `nested deeper than ${maxDepth}`);
		tokens.push(found);
		if (tokens.length > maxTokens) {
			throw new ExpressionSyntaxError(start, `more than ${maxTokens} words and signs; split the rule`);
		}
	}
	if (tokens.length === 0) throw new ExpressionSyntaxError(0, 'the expression is empty; write a condition');
	return tokens;
}

function kindOf(match: RegExpExecArray): ScannedToken['kind'] | undefined {
	if (match[1] !== undefined) return keywords.has(match[1]) ? 'keyword' : 'name';
	if (match[2] !== undefined) return 'number';
	if (match[3] !== undefined) return 'string';
	if (match[4] !== undefined) return 'operator';
	return undefined;
}

function checkToken(found: ScannedToken, before: ScannedToken | undefined): void {
	const habit =
		found.kind === 'operator' && Object.hasOwn(habits, found.text) ? habits[found.text] : undefined;
	if (habit !== undefined) throw new ExpressionSyntaxError(found.start, habit);
	// The library takes `\\"` for an escaped quotation mark.
	if (found.kind === 'string' && /\\\\["']/.test(found.text)) {
		throw new ExpressionSyntaxError(
			found.start,
			'a backslash directly before a quotation mark cannot be written',
		);
	}
	if (found.kind === 'number' && !Number.isFinite(Number(found.text))) {
		throw new ExpressionSyntaxError(found.start, `"${found.text.slice(0, 40)}" is too large a number`);
	}
	if (!before) return;
	const isLiteral = (text: string): boolean => text === 'true' || text === 'false' || text === 'null';
	if (found.text === '.' && before.kind === 'keyword') {
		throw new ExpressionSyntaxError(found.start, `"${before.text}" has no properties`);
	}
	const beginsValue =
		found.kind === 'name' || found.kind === 'number' || found.kind === 'string' || isLiteral(found.text);
	const endsValue =
		before.text === ')' ||
		before.text === ']' ||
		isLiteral(before.text) ||
		(before.kind !== 'operator' && before.kind !== 'keyword');
	if (beginsValue && endsValue) {
		throw new ExpressionSyntaxError(
			found.start,
			`unexpected ${shortened(found.text)}: expected an operator or a comma before it`,
		);
	}
}

function unreadable(source: string, at: number): ExpressionSyntaxError {
	const character = String.fromCodePoint(source.codePointAt(at) ?? 0);
	if (character === '"' || character === "'") {
		return new ExpressionSyntaxError(at, `the text that begins here is not ended by ${character}`);
	}
	return new ExpressionSyntaxError(at, `${JSON.stringify(character)} has no meaning here`);
}

/** A token as messages show it: quoted once, and not without end. */
export function shortened(text: string): string {
	const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
	return short.startsWith('"') ? short : `"${short}"`;
}
