/**
 * Runs work one at a time within a lane. Decisions over a shared quantity (a rack's power) go through the
 * rack's lane together with their execution, so that two of them never both count on the same head-room.
 */
export interface Lanes {
	run<R>(lane: string, work: () => Promise<R>): Promise<R>;
}

export function createLanes(): Lanes {
	const tails = new Map<string, Promise<unknown>>();
	return {
		async run(lane, work) {
			const before = tails.get(lane) ?? Promise.resolve();
			const mine = before.then(work, work);
			const tail = mine.catch(() => undefined);
			tails.set(lane, tail);
			try {
				return await mine;
			} finally {
				if (tails.get(lane) === tail) tails.delete(lane);
			}
		},
	};
}
