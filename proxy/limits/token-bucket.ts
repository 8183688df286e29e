import type { Clock } from '../../common/clock.ts';

export interface Rate {
	/** Requests a second, over a long time. */
	readonly rate: number;
	/** Requests that may come at once after a pause. */
	readonly burst: number;
}

/** Milliseconds until the next one may come; 0 takes it. Time is measured: setting the clock changes nothing. */
export function createTokenBucket(clock: Pick<Clock, 'elapsed'>, { rate, burst }: Rate): () => number {
	let tokens = burst;
	let at = clock.elapsed();
	return () => {
		const now = clock.elapsed();
		tokens = Math.min(burst, tokens + ((now - at) * rate) / 1000);
		at = now;
		if (tokens >= 1) {
			tokens--;
			return 0;
		}
		return ((1 - tokens) * 1000) / rate;
	};
}
