import { BimetalError } from '../errors/bimetal-error.ts';

/** One thing wrong with a file that people write: where (1-based), what, and what would be right. */
export interface ConfigProblem {
	readonly file: string;
	readonly line: number;
	readonly column: number;
	readonly message: string;
	readonly fix?: string;
}

/** Everything that is wrong with a file, at once, so that it is put right in one go. Code `ConfigInvalid`. */
export class ConfigError extends BimetalError {
	readonly problems: readonly ConfigProblem[];

	constructor(problems: readonly ConfigProblem[], options: { cause?: unknown } = {}) {
		const sorted = [...problems].sort(
			(a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
		);
		super('ConfigInvalid', sorted.map(formatProblem).join('\n'), {
			status: 500,
			expose: false,
			...(options.cause === undefined ? {} : { cause: options.cause }),
		});
		this.name = 'ConfigError';
		this.problems = Object.freeze(sorted);
	}
}

/** `site.yaml:3:7: unknown key "prot" (did you mean "port"?)` */
export function formatProblem(problem: ConfigProblem): string {
	const fix = problem.fix === undefined ? '' : ` (${problem.fix})`;
	return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}${fix}`;
}

function compare(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}
