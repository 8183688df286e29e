import type { ExecutionContext } from 'ava';
import type { Outcome, RefusalCode } from './outcome.ts';

/** Asserts why something is refused. */
export function isRefused(
	t: ExecutionContext,
	outcome: Outcome<unknown>,
	code: RefusalCode,
	reason?: RegExp,
): void {
	t.is(outcome.ok ? 'accepted' : outcome.refusal.code, code, outcome.ok ? '' : outcome.refusal.reason);
	if (reason && !outcome.ok) t.regex(outcome.refusal.reason, reason);
}

/** The value of what must be accepted. */
export function accepted<T>(outcome: Outcome<T>): T {
	if (!outcome.ok) throw new Error(`${outcome.refusal.code}: ${outcome.refusal.reason}`);
	return outcome.value;
}
