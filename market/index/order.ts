/** Things in an order of their own, in one array: to take one in or out is a look-up and a move of memory. */
export class Ordered<T> {
	#all: T[] = [];
	readonly #compare: (a: T, b: T) => number;

	constructor(compare: (a: T, b: T) => number) {
		this.#compare = compare;
	}

	get all(): readonly T[] {
		return this.#all;
	}

	add(item: T): void {
		const last = this.#all.at(-1);
		if (last === undefined || this.#compare(last, item) < 0) this.#all.push(item);
		else this.#all.splice(this.firstNotBefore(item), 0, item);
	}

	remove(item: T): void {
		const at = this.firstNotBefore(item);
		if (this.#all[at] !== item) throw new Error('it is not where it belongs');
		this.#all.splice(at, 1);
	}

	/** Many at once, instead of what was there. */
	replace(items: Iterable<T>): void {
		this.#all = [...items].sort(this.#compare);
	}

	firstNotBefore(item: T): number {
		let low = 0;
		let high = this.#all.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.#compare(this.#all[middle] as T, item) < 0) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

/** By code unit, as the store's ids sort. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
