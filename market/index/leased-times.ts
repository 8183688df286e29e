import type { Interval } from '../calendar/interval.ts';

/**
 * One server's leases, which never overlap: so they stand in the order of their starts and of their ends alike. In arrays of
 * numbers, which lie together in memory: a match looks at many servers that are not free.
 */
export class LeasedTimes {
	readonly #starts: number[] = [];
	readonly #ends: number[] = [];
	readonly #by: string[] = [];

	get size(): number {
		return this.#ends.length;
	}

	/** Nothing may end at the same second: with the server, the end is a span's id. */
	add({ start, end, by }: Interval & { readonly by: string }): void {
		const at = this.#firstEndingAfter(end);
		this.#starts.splice(at, 0, start);
		this.#ends.splice(at, 0, end);
		this.#by.splice(at, 0, by);
	}

	/** Removes and returns what ends at that second. */
	remove(end: number): (Interval & { readonly by: string }) | undefined {
		const at = this.#firstEndingAfter(end - 1);
		if (this.#ends[at] !== end) return undefined;
		const [start = 0] = this.#starts.splice(at, 1);
		this.#ends.splice(at, 1);
		const [by = ''] = this.#by.splice(at, 1);
		return { start, end, by };
	}

	/** Calls `visit` for each lease that has some of the interval, in order. */
	eachLeased(within: Interval, visit: (start: number, end: number) => void): void {
		for (let at = this.#firstEndingAfter(within.start); at < this.#ends.length; at++) {
			const start = this.#starts[at] as number;
			if (start >= within.end) return;
			visit(start, this.#ends[at] as number);
		}
	}

	isFree(start: number, end: number): boolean {
		const at = this.#firstEndingAfter(start);
		return at === this.#ends.length || (this.#starts[at] as number) >= end;
	}

	/** Calls `visit` for each stretch within the interval that nothing has, in order, until it returns false. */
	eachFree(within: Interval, visit: (start: number, end: number) => boolean): boolean {
		let { start } = within;
		for (let at = this.#firstEndingAfter(start); start < within.end; at++) {
			const isLast = at >= this.#ends.length;
			const end = isLast ? within.end : Math.min(this.#starts[at] as number, within.end);
			if (start < end && !visit(start, end)) return false;
			if (isLast) break;
			start = this.#ends[at] as number;
		}
		return true;
	}

	#firstEndingAfter(second: number): number {
		const ends = this.#ends;
		let low = 0;
		let high = ends.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((ends[middle] as number) > second) high = middle;
			else low = middle + 1;
		}
		return low;
	}
}
