export interface TestCounts {
	passed: number;
	failed: number;
	skipped: number;
}

export interface TapVerdict {
	readonly counts: TestCounts;
	/** Titles of the skipped tests. */
	readonly skipped: readonly string[];
	/** Why the output cannot be trusted, though no test said that it failed. Each counts as one failure. */
	readonly doubts: readonly string[];
}

export interface TapReader {
	line(text: string): void;
	/** Judges the whole, given how the command that wrote it ended. */
	end(exit: { code: number | null; signal: string | null }): TapVerdict;
}

/**
 * Counts test results in TAP 13 as ava writes it. `onFailure` gets the lines of each failed result with its
 * diagnostics. A crash must not look like success, so the plan, the summary and the exit code must all agree
 * with what was seen.
 */
export function createTapReader(onFailure: (lines: readonly string[]) => void): TapReader {
	const counts: TestCounts = { passed: 0, failed: 0, skipped: 0 };
	const skipped: string[] = [];
	const summary = new Map<string, number>();
	let planned: number | undefined;
	let failure: string[] | undefined;
	let inDiagnostics = false;

	const endFailure = () => {
		if (failure) onFailure(failure);
		failure = undefined;
		inDiagnostics = false;
	};

	return {
		line(text) {
			if (inDiagnostics) {
				failure?.push(text);
				if (text === '  ...') endFailure();
				return;
			}
			if (text === '  ---') {
				inDiagnostics = true;
				return;
			}
			const result = /^(ok|not ok) \d+ - (.*?)( # SKIP)?$/.exec(text);
			if (result) {
				endFailure();
				const [, status, title = '', skip] = result;
				if (skip) {
					counts.skipped++;
					skipped.push(title);
				} else if (status === 'ok') {
					counts.passed++;
				} else {
					counts.failed++;
					failure = [`✘ ${title}`];
				}
				return;
			}
			const plan = /^1\.\.(\d+)$/.exec(text);
			if (plan) planned = (planned ?? 0) + Number(plan[1]);
			const total = /^# (tests|pass|fail|skip|todo) (\d+)$/.exec(text);
			if (total?.[1]) summary.set(total[1], Number(total[2]));
		},
		end({ code, signal }) {
			endFailure();
			const seen = counts.passed + counts.failed + counts.skipped;
			const doubts: string[] = [];
			if (signal) doubts.push(`the test runner was ended by ${signal}`);
			if (planned === undefined) doubts.push('the test runner did not finish its report');
			if (seen === 0) doubts.push('no test ran');
			// After a crash ava's own sums leave it out; then there is a failure already.
			if (planned !== undefined && counts.failed === 0) {
				if (planned !== seen) doubts.push(`the test runner announced ${planned} results and gave ${seen}`);
				const said = `${summary.get('pass') ?? 0} passed, ${summary.get('fail') ?? 0} failed`;
				const here = `${counts.passed} passed, 0 failed`;
				if (said !== here) doubts.push(`the test runner's summary says ${said}; seen were ${here}`);
			}
			if (code !== 0 && !signal && counts.failed === 0)
				doubts.push(`the test runner exited with code ${code}`);
			if (code === 0 && counts.failed > 0)
				doubts.push('tests failed, but the test runner exited with code 0');
			return { counts, skipped, doubts };
		},
	};
}
