/** What is wrong with an expression: where (0-based character offset) and what would be right. */
export interface ExpressionProblem {
	readonly offset: number;
	readonly message: string;
}

/** The value that was read from an expression's text, or the first thing wrong with it. */
export type Parsed<T> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly problem: ExpressionProblem };

/** Carries a problem up a parser's stack; every parser here catches it and returns a `Parsed`. */
export class ExpressionSyntaxError extends Error {
	readonly offset: number;

	constructor(offset: number, message: string) {
		super(message);
		this.name = 'ExpressionSyntaxError';
		this.offset = offset;
	}
}

/** Runs a parser; its ExpressionSyntaxError, or a stack that was not deep enough, becomes a problem. */
export function parsed<T>(parse: () => T): Parsed<T> {
	try {
		return { ok: true, value: parse() };
	} catch (error) {
		if (error instanceof ExpressionSyntaxError) {
			return { ok: false, problem: { offset: error.offset, message: error.message } };
		}
		if (error instanceof RangeError) {
			return { ok: false, problem: { offset: 0, message: 'the expression is nested too deeply' } };
		}
		throw error;
	}
}
