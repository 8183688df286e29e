/** Calls that concern the same thing come one after another, in the order in which they were made. */
export function createTurns(): <R>(of: string, work: () => Promise<R>) => Promise<R> {
	const last = new Map<string, Promise<unknown>>();
	return async (of, work) => {
		const before = last.get(of) ?? Promise.resolve();
		const now = before.then(work, work);
		const settled = now.then(
			() => undefined,
			() => undefined,
		);
		last.set(of, settled);
		try {
			return await now;
		} finally {
			if (last.get(of) === settled) last.delete(of);
		}
	};
}
