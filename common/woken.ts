import type { Clock } from './clock.ts';

/** Work that is done when there may be something to do: at once when it is woken, and by itself when its time has come. */
export interface Woken {
	/** There may be something to do. */
	wake(): void;
	/** Resolves when nothing is under way; what has a time of its own still comes. */
	idle(): Promise<void>;
	/** Lets what is under way end; nothing begins from then on. */
	close(): Promise<void>;
}

/**
 * Runs `work` once at a time, and again when it was woken meanwhile. It resolves with the milliseconds after which it is
 * to run by itself (undefined: only when it is woken), and must not reject: what went wrong is its own to try again.
 */
export function createWoken(clock: Clock, work: () => Promise<number | undefined>): Woken {
	let isWanted = false;
	let isClosed = false;
	let running: Promise<void> | undefined;
	let cancelTimer: () => void = () => undefined;

	function wake(): void {
		isWanted = true;
		if (running || isClosed) return;
		running = run().finally(() => {
			running = undefined;
			if (isWanted) wake();
		});
	}

	async function run(): Promise<void> {
		cancelTimer();
		let next: number | undefined;
		while (isWanted && !isClosed) {
			isWanted = false;
			next = await work();
		}
		if (next !== undefined && !isClosed) cancelTimer = clock.after(Math.max(1, next), wake);
	}

	const idle = async (): Promise<void> => {
		while (running) await running;
	};
	return {
		wake,
		idle,
		async close() {
			isClosed = true;
			cancelTimer();
			await idle();
		},
	};
}
