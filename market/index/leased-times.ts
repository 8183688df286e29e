import type { Interval } from '../calendar/interval.ts';

/** One server's leases, which never overlap: so they stand in the order of their starts and of their ends alike. */
export class LeasedTimes {
	readonly #taken: (Interval & { readonly by: string })[] = [];

	get size(): number {
		return this.#taken.length;
	}

	/** Replaces what ends at the same second: with the server, the end is a span's id. */
	add(span: Interval & { readonly by: string }): void {
		const at = this.#firstEndingAfter(span.end - 1);
		this.#taken.splice(at, this.#taken[at]?.end === span.end ? 1 : 0, span);
	}

	/** Removes and returns what ends at that second. */
	remove(end: number): (Interval & { readonly by: string }) | undefined {
		const found = this.endingAt(end);
		if (found) this.#taken.splice(this.#firstEndingAfter(end - 1), 1);
		return found;
	}

	endingAt(end: number): (Interval & { readonly by: string }) | undefined {
		const found = this.#taken[this.#firstEndingAfter(end - 1)];
		return found?.end === end ? found : undefined;
	}

	isFree(start: number, end: number): boolean {
		const next = this.#taken[this.#firstEndingAfter(start)];
		return next === undefined || next.start >= end;
	}

	/** Calls `visit` for each stretch within the interval that nothing has, in order, until it returns false. */
	eachFree(within: Interval, visit: (start: number, end: number) => boolean): boolean {
		let { start } = within;
		for (let at = this.#firstEndingAfter(start); start < within.end; at++) {
			const next = this.#taken[at];
			const end = next ? Math.min(next.start, within.end) : within.end;
			if (start < end && !visit(start, end)) return false;
			if (!next) break;
			start = next.end;
		}
		return true;
	}

	/** Seconds of the interval that are leased. */
	leasedSeconds({ start, end }: Interval): number {
		let sum = 0;
		for (let at = this.#firstEndingAfter(start); at < this.#taken.length; at++) {
			const next = this.#taken[at];
			if (!next || next.start >= end) break;
			sum += Math.min(next.end, end) - Math.max(next.start, start);
		}
		return sum;
	}

	#firstEndingAfter(second: number): number {
		let low = 0;
		let high = this.#taken.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#taken[middle]?.end ?? 0) > second) high = middle;
			else low = middle + 1;
		}
		return low;
	}
}
