import type { SourceLocation } from '../policy-set.ts';

/** Something about a policy set that somebody should look at. */
export interface Finding {
	readonly kind:
		| 'never-holds'
		| 'always-holds'
		| 'conflict'
		| 'one-party-alone'
		| 'weaker-row'
		| 'no-row'
		| 'locked-out'
		| 'passed-over';
	/** A note is nothing to mend: it is written like that on purpose. */
	readonly level: 'warning' | 'note';
	readonly operation: string | null;
	readonly where: SourceLocation | undefined;
	readonly message: string;
	/** What shows it, confirmed by evaluating the policies; a line each. */
	readonly example: readonly string[];
}

/** What was looked at without a result either way. */
export interface Undecided {
	readonly operation: string;
	readonly question: string;
	readonly why: string;
}

export interface Analysis {
	readonly findings: readonly Finding[];
	readonly undecided: readonly Undecided[];
	/** Questions that were asked of the policies. */
	readonly questions: number;
}
