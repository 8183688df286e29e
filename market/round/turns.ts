/** Work in steps of some microseconds each, between which it can be set aside. */
export type Steps<R> = Generator<undefined, R, undefined>;

/** Bids, or servers, or awards of which a step has some, so that it takes microseconds. */
export const ofStep = 16;

/** Milliseconds for which it goes on before others have their turn. */
const turn = 2;

/**
 * Does work in turns, between which calls are answered and timers run.
 * @throws the signal's reason, when it is aborted in the middle
 */
export async function inTurns<R>(steps: Steps<R>, signal?: AbortSignal): Promise<R> {
	for (;;) {
		const end = performance.now() + turn;
		do {
			const step = steps.next();
			if (step.done) return step.value;
		} while (performance.now() < end);
		await new Promise(resolve => setImmediate(resolve));
		signal?.throwIfAborted();
	}
}

/** For what is small. */
export function atOnce<R>(steps: Steps<R>): R {
	for (;;) {
		const step = steps.next();
		if (step.done) return step.value;
	}
}
