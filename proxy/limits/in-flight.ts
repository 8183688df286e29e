/** Work that must not be cut off half done: counted, so that closing can wait for it. */
export interface InFlight {
	run<R>(work: () => Promise<R>): Promise<R>;
	/** Resolves when nothing is under way; at once when that is so now. */
	settled(): Promise<void>;
}

export function createInFlight(): InFlight {
	let count = 0;
	const waiting: (() => void)[] = [];
	return {
		async run(work) {
			count++;
			try {
				return await work();
			} finally {
				count--;
				if (count === 0) {
					for (const resolve of waiting.splice(0)) resolve();
				}
			}
		},
		settled() {
			if (count === 0) return Promise.resolve();
			return new Promise(resolve => waiting.push(resolve));
		},
	};
}
