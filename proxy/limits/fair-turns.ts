import type { Clock } from '../../common/clock.ts';

export interface FairTurnsOptions {
	/** Turns at once. */
	readonly capacity: number;
	/** Waiting at once, for each party. */
	readonly queue: number;
	/** Milliseconds that one waits at most. */
	readonly longestWait: number;
	/** Who is sure of a turn whatever the others do, as far as there are as many turns. */
	readonly parties: readonly string[];
	readonly clock: Pick<Clock, 'after'>;
}

/** A limited number of turns, shared fairly: a party's flood waits for itself, not in the way of others. */
export interface FairTurns {
	/**
	 * A turn, to be given back by calling it once: at once where one is free, else in the party's own queue. Undefined
	 * when that queue is full, or the wait was too long.
	 */
	take(party: string): (() => void) | undefined | Promise<(() => void) | undefined>;
	/** How many wait. */
	waiting(): number;
}

/**
 * One turn is kept free for each party that has none, so that nobody takes the last one from the others; what else is
 * free goes to whoever asks, and parties that wait take turns.
 */
export function createFairTurns(options: FairTurnsOptions): FairTurns {
	const { capacity, queue, longestWait, parties, clock } = options;
	const isReserved = capacity > parties.length;
	const used = new Map<string, number>(parties.map(party => [party, 0]));
	/** Known parties without a turn. */
	let idle = parties.length;
	let taken = 0;
	const queues = new Map<string, ((turn: (() => void) | undefined) => void)[]>();
	let waiting = 0;

	const mayTake = (party: string): boolean => {
		const own = used.get(party);
		// As many are free as parties are idle, at least: an idle one's own is always there.
		return capacity - taken > (isReserved && own !== 0 ? idle : 0);
	};

	const give = (party: string): (() => void) => {
		const own = used.get(party);
		if (own === 0) idle--;
		used.set(party, (own ?? 0) + 1);
		taken++;
		let isBack = false;
		return () => {
			if (isBack) return;
			isBack = true;
			taken--;
			const left = (used.get(party) ?? 1) - 1;
			if (left === 0 && parties.includes(party)) idle++;
			if (left === 0 && !parties.includes(party)) used.delete(party);
			else used.set(party, left);
			if (waiting > 0) goOn();
		};
	};

	/** Whoever has waited longest since its party's last turn. */
	function goOn(): void {
		for (const [party, queued] of queues) {
			if (!mayTake(party)) continue;
			const next = queued.shift();
			// Behind the others from now on.
			queues.delete(party);
			if (queued.length > 0) queues.set(party, queued);
			if (!next) continue;
			waiting--;
			next(give(party));
			if (waiting > 0 && taken < capacity) goOn();
			return;
		}
	}

	return {
		take(party) {
			const queued = queues.get(party) ?? [];
			if (queued.length === 0 && mayTake(party)) return give(party);
			if (queued.length >= queue) return undefined;
			return new Promise(resolve => {
				const cancel = clock.after(longestWait, () => {
					const at = queued.indexOf(settle);
					if (at < 0) return;
					queued.splice(at, 1);
					waiting--;
					if (queued.length === 0 && queues.get(party) === queued) queues.delete(party);
					resolve(undefined);
				});
				const settle = (turn: (() => void) | undefined): void => {
					cancel();
					resolve(turn);
				};
				queued.push(settle);
				queues.set(party, queued);
				waiting++;
			});
		},
		waiting: () => waiting,
	};
}
