/** Time as every service sees it. Injected, so that tests can turn the hands. */
export interface Clock {
	/** Milliseconds since the Unix epoch. */
	now(): number;
	/** Calls `fn` once after `ms` milliseconds; the returned function cancels. Never keeps the process alive. */
	after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
	now: () => Date.now(),
	after(ms, fn) {
		const timer = setTimeout(fn, ms);
		timer.unref();
		return () => clearTimeout(timer);
	},
};

/** A clock that moves only when a test says so. */
export class FakeClock implements Clock {
	#now: number;
	#timers: { at: number; fn: () => void }[] = [];

	constructor(start = Date.parse('2026-01-01T00:00:00Z')) {
		this.#now = start;
	}

	now(): number {
		return this.#now;
	}

	after(ms: number, fn: () => void): () => void {
		const timer = { at: this.#now + ms, fn };
		this.#timers.push(timer);
		return () => {
			this.#timers = this.#timers.filter(t => t !== timer);
		};
	}

	/** Moves time on by `ms`, running what falls due in order of its time. */
	advance(ms: number): void {
		const end = this.#now + ms;
		for (;;) {
			const due = this.#timers.filter(t => t.at <= end).sort((a, b) => a.at - b.at)[0];
			if (!due) break;
			this.#timers = this.#timers.filter(t => t !== due);
			this.#now = due.at;
			due.fn();
		}
		this.#now = end;
	}
}
