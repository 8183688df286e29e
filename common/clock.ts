/** Time as every service sees it. Injected, so that tests can turn the hands. */
export interface Clock {
	/** Milliseconds since the Unix epoch: the time of day, which jumps when somebody sets the system's clock. */
	now(): number;
	/** Milliseconds since some moment of this process: never set, never goes back. What durations are measured by. */
	elapsed(): number;
	/** Calls `fn` once after `ms` milliseconds; the returned function cancels. Never keeps the process alive. */
	after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
	now: () => Date.now(),
	elapsed: () => performance.now(),
	after(ms, fn) {
		const timer = setTimeout(fn, ms);
		timer.unref();
		return () => clearTimeout(timer);
	},
};

/** Resolves after `ms` milliseconds; rejects with the signal's reason when that is aborted sooner. */
export const pause = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
	new Promise((resolve, reject) => {
		signal?.throwIfAborted();
		const stop = (): void => {
			cancel();
			reject(signal?.reason);
		};
		const cancel = clock.after(ms, () => {
			signal?.removeEventListener('abort', stop);
			resolve();
		});
		signal?.addEventListener('abort', stop, { once: true });
	});

/** A clock that moves only when a test says so. */
export class FakeClock implements Clock {
	#wall: number;
	#elapsed = 0;
	#timers: { at: number; fn: () => void }[] = [];

	constructor(start = Date.parse('2026-01-01T00:00:00Z')) {
		this.#wall = start;
	}

	now(): number {
		return this.#wall + this.#elapsed;
	}

	elapsed(): number {
		return this.#elapsed;
	}

	after(ms: number, fn: () => void): () => void {
		const timer = { at: this.#elapsed + ms, fn };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter(t => t !== timer);
		};
	}

	/** Moves time on by `ms`, running what falls due in order of its time. */
	advance(ms: number): void {
		const end = this.#elapsed + ms;
		for (;;) {
			// Of those that are due at the same time, the one that was set first.
			let due: { at: number; fn: () => void } | undefined;
			for (const timer of this.#timers) if (timer.at <= end && (!due || timer.at < due.at)) due = timer;
			if (!due) break;
			this.#timers = this.#timers.filter(t => t !== due);
			this.#elapsed = due.at;
			due.fn();
		}
		this.#elapsed = end;
	}

	/** Somebody sets the system's clock: the time of day is another at once, and no time has passed. */
	jump(ms: number): void {
		this.#wall += ms;
	}
}
