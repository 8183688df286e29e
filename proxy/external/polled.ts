import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ExternalValue } from '../policy/facts.ts';
import { type Reader, reasonOf, unavailable } from './reader.ts';

export type Fetched =
	| { readonly ok: true; readonly value: JsonValue }
	| { readonly ok: false; readonly reason: string };

export interface PolledDeps {
	readonly name: string;
	readonly maxAge: number;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Reads the source now. The signal aborts when the source is closed. */
	fetch(signal: AbortSignal): Promise<Fetched>;
}

/**
 * A source that is asked when somebody needs it. A value younger than `maxAge` is given again; readers at the
 * same time share one fetch. A value's age counts from the beginning of its fetch, and a fetch that began
 * before `invalidate()` satisfies nobody who reads after it.
 */
export function createPolledReader({ name, maxAge, clock, logger, fetch }: PolledDeps): Reader {
	const closing = new AbortController();
	let generation = 0;
	/** `began` on the clock that nobody sets. */
	let cached: { value: ExternalValue; began: number; generation: number } | undefined;
	let underway: { result: Promise<ExternalValue>; generation: number } | undefined;

	const isYoung = (began: number) => clock.elapsed() - began <= maxAge;

	const fetchNow = async (mine: number): Promise<ExternalValue> => {
		const asOf = clock.now();
		const began = clock.elapsed();
		let fetched: Fetched;
		try {
			fetched = await fetch(closing.signal);
		} catch (error) {
			fetched = { ok: false, reason: reasonOf(error) };
		}
		if (underway?.generation === mine) underway = undefined;
		if (!fetched.ok) {
			logger.warn({ source: name, reason: fetched.reason }, 'an External source is unavailable');
			return unavailable(fetched.reason);
		}
		const value = { status: 'fresh', value: fetched.value, asOf } as const;
		if (!isYoung(began)) return unavailable(`the answer took longer than its maximum age of ${maxAge} ms`);
		if (generation === mine) cached = { value, began, generation };
		return value;
	};

	return {
		async read() {
			if (closing.signal.aborted) return unavailable('the source is closed');
			if (cached?.generation === generation && isYoung(cached.began)) return cached.value;
			if (underway?.generation !== generation) {
				const mine = generation;
				// Set before the fetch can end, which it does at the earliest one turn later.
				underway = { generation: mine, result: fetchNow(mine) };
			}
			return underway.result;
		},
		invalidate() {
			generation += 1;
			cached = undefined;
		},
		close() {
			closing.abort();
			cached = undefined;
		},
	};
}
