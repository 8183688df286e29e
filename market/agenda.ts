import type { Clock } from '../common/clock.ts';

/** However far away the next time is: somebody may set the system's clock. */
const longestSleep = 60_000;

/** What has to be done at some second: one time for each key, in a heap. */
export interface Agenda {
	/** `at` in milliseconds since the epoch; instead of what was set for this key. */
	set(key: string, at: number): void;
	close(): void;
}

/** Calls `due` with each key whose time has come. Re-armed from the records at the start: it keeps nothing. */
export function createAgenda(clock: Clock, due: (key: string) => void): Agenda {
	const heap: { readonly at: number; readonly key: string }[] = [];
	const times = new Map<string, number>();
	let cancelTimer: () => void = () => undefined;
	let isClosed = false;

	function arm(): void {
		cancelTimer();
		const [next] = heap;
		if (!next || isClosed) return;
		cancelTimer = clock.after(Math.min(longestSleep, Math.max(0, next.at - clock.now())), run);
	}

	function run(): void {
		for (let next = heap[0]; next && next.at <= clock.now() && !isClosed; next = heap[0]) {
			pop(heap);
			// Set to another time since: that is in the heap as well.
			if (times.get(next.key) !== next.at) continue;
			times.delete(next.key);
			due(next.key);
		}
		arm();
	}

	return {
		set(key, at) {
			if (isClosed || times.get(key) === at) return;
			times.set(key, at);
			push(heap, { at, key });
			if (heap[0]?.key === key) arm();
		},
		close() {
			isClosed = true;
			cancelTimer();
		},
	};
}

interface Timed {
	readonly at: number;
}

function push<T extends Timed>(heap: T[], item: T): void {
	heap.push(item);
	for (let at = heap.length - 1; at > 0; ) {
		const parent = (at - 1) >>> 1;
		if ((heap[parent] as T).at <= item.at) break;
		heap[at] = heap[parent] as T;
		heap[parent] = item;
		at = parent;
	}
}

function pop<T extends Timed>(heap: T[]): void {
	const last = heap.pop();
	if (!last || heap.length === 0) return;
	heap[0] = last;
	for (let at = 0; ; ) {
		const left = 2 * at + 1;
		const right = left + 1;
		let least = at;
		if (left < heap.length && (heap[left] as T).at < (heap[least] as T).at) least = left;
		if (right < heap.length && (heap[right] as T).at < (heap[least] as T).at) least = right;
		if (least === at) return;
		[heap[at], heap[least]] = [heap[least] as T, heap[at] as T];
		at = least;
	}
}
