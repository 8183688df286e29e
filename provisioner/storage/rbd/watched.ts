import type { Clock } from '../../../common/clock.ts';

/** Does work that may take long: `isAlive` is to be called whenever it gets on. */
export type Watched = <R>(
	signal: AbortSignal | undefined,
	work: (signal: AbortSignal, isAlive: () => void) => Promise<R>,
) => Promise<R>;

/** Work that says nothing for `bound` milliseconds has Ceph asked whether it is there, and is ended when that rejects. */
export function createWatched(options: {
	readonly clock: Clock;
	readonly bound: number;
	readonly probe: () => Promise<unknown>;
}): Watched {
	const { clock, bound, probe } = options;
	return async (signal, work) => {
		const stop = new AbortController();
		let heard = true;
		let cancel: () => void = () => undefined;
		const watch = (): void => {
			cancel = clock.after(bound, async () => {
				if (!heard) await probe().catch(fault => stop.abort(fault));
				heard = false;
				if (!stop.signal.aborted) watch();
			});
		};
		watch();
		try {
			return await work(AbortSignal.any([...(signal ? [signal] : []), stop.signal]), () => {
				heard = true;
			});
		} finally {
			stop.abort();
			cancel();
		}
	};
}
