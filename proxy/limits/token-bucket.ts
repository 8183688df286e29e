import type { Clock } from '../../common/clock.ts';

export interface Rate {
	/** Requests a second, over a long time. */
	readonly rate: number;
	/** Requests that may come at once after a pause. */
	readonly burst: number;
}

export interface TokenBucket {
	/** Milliseconds until the next one may come; 0 takes it. */
	take(): number;
	/** How many may come at once now. */
	left(): number;
	/** Takes so many out for another process (negative), or puts back what that did not use. */
	change(tokens: number): void;
}

/** Time is measured: setting the clock changes nothing. */
export function createTokenBucket(clock: Pick<Clock, 'elapsed'>, { rate, burst }: Rate): TokenBucket {
	let tokens = burst;
	let at = clock.elapsed();
	const refill = (): void => {
		const now = clock.elapsed();
		tokens = Math.min(burst, tokens + ((now - at) * rate) / 1000);
		at = now;
	};
	return {
		take() {
			refill();
			if (tokens >= 1) {
				tokens--;
				return 0;
			}
			return ((1 - tokens) * 1000) / rate;
		},
		left() {
			refill();
			return tokens;
		},
		change(by) {
			refill();
			tokens = Math.min(burst, tokens + by);
		},
	};
}
