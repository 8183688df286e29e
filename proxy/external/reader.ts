import type { Clock } from '../../common/clock.ts';
import type { ExternalValue } from '../policy/facts.ts';

/** One source at run time. */
export interface Reader {
	/** Never rejects: what cannot be had is `unavailable` with the reason. */
	read(): Promise<ExternalValue>;
	/** What was known until now no longer counts: something has been done that changes it. */
	invalidate(): void;
	close(): void;
}

export function unavailable(reason: string): ExternalValue {
	return { status: 'unavailable', reason };
}

/**
 * Runs `work` for at most `ms` milliseconds; then aborts its signal and rejects, whether or not the work heeds it.
 * The outer `signal` aborts it as well.
 */
export async function within<T>(
	{ clock, ms, signal }: { clock: Clock; ms: number; signal: AbortSignal },
	work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const abort = new AbortController();
	const stop = () => abort.abort(new Error('closed'));
	const cut = new Promise<never>((_resolve, reject) => {
		abort.signal.addEventListener('abort', () => reject(abort.signal.reason), { once: true });
	});
	cut.catch(() => undefined);
	const cancel = clock.after(ms, () => abort.abort(new Error(`no answer within ${ms} ms`)));
	signal.addEventListener('abort', stop, { once: true });
	if (signal.aborted) stop();
	try {
		return await Promise.race([work(abort.signal), cut]);
	} finally {
		cancel();
		signal.removeEventListener('abort', stop);
	}
}

/** A short reason for policies' authors; details stay in the log. */
export function reasonOf(error: unknown): string {
	if (!(error instanceof Error)) return 'failed';
	const { code } = error as { code?: unknown };
	return typeof code === 'string' && !error.message.includes(code)
		? `${error.message} (${code})`
		: error.message;
}
