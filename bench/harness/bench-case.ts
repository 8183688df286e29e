/** What a benchmark measures, and against what. */
export interface BenchCase {
	/** Within its area: `allowed GET without filter`. */
	readonly name: string;
	readonly figures: readonly Figure[];
	readonly ours: Side;
	/** Those that ours is held against, in the same run. */
	readonly peers: readonly Side[];
	/** What --plots makes of it: a curve by size, or a bar of stages for each side. */
	readonly chart?: 'growth' | 'stages';
	/** Rounds at most, and seconds of warming up, of a case whose rounds take as long as they take; 0: no such round. */
	readonly most?: Pick<Effort, 'rounds' | 'warmUp'>;
}

export interface Figure {
	/** Added to the case's name; empty for the main one. */
	readonly name: string;
	readonly unit: string;
	readonly better: 'higher' | 'lower';
}

export interface Side {
	readonly name: string;
	/** Throws unless this side gives the right answer. Runs before anything is timed. */
	check(): Promise<void>;
	/** One timed round of about `seconds`; a value for each figure of the case, by the figure's name. */
	round(seconds: number): Promise<Readonly<Record<string, number>>>;
}

/** A folder's worth of cases with what they need running. */
export interface BenchArea {
	/** Starts what the cases need. `close` ends it all and is called whatever happens. */
	open(): Promise<{ cases: readonly BenchCase[]; close(): Promise<void> }>;
}

/** One line of the result: ours against one peer in one figure. */
export interface BenchResult {
	readonly bench: string;
	readonly case: string;
	/** Median of the rounds. */
	readonly value: number;
	readonly unit: string;
	/** Name of our side. */
	readonly ours: string;
	readonly peer: string;
	/** The peer's median. */
	readonly peerValue: number;
	/** Ours divided by the peer's, in that unit. */
	readonly ratio: number;
	readonly better: 'higher' | 'lower';
}

/** How long to measure. */
export interface Effort {
	readonly rounds: number;
	/** Of each round. */
	readonly seconds: number;
	/** Seconds of the round before, which lets compilers and caches settle. */
	readonly warmUp: number;
}

/** How long a case is measured. */
export const effortOf = ({ most }: Pick<BenchCase, 'most'>, { rounds, seconds, warmUp }: Effort): Effort => ({
	seconds,
	rounds: Math.min(rounds, most?.rounds ?? rounds),
	warmUp: Math.min(warmUp, most?.warmUp ?? warmUp),
});

/**
 * Checks every side, then times rounds in turn, so that a neighbour's load or a warmer machine falls on all of
 * them alike, and compares medians. Throws when a side's answer is wrong.
 */
export async function runCase(bench: string, benchCase: BenchCase, wanted: Effort): Promise<BenchResult[]> {
	const effort = effortOf(benchCase, wanted);
	const sides = [benchCase.ours, ...benchCase.peers];
	for (const side of sides) {
		try {
			await side.check();
		} catch (error) {
			throw new Error(`${bench}, ${benchCase.name}: ${side.name} gives a wrong answer`, { cause: error });
		}
	}
	const rounds = new Map<Side, Readonly<Record<string, number>>[]>(sides.map(side => [side, []]));
	if (effort.warmUp > 0) for (const side of sides) await side.round(effort.warmUp); // not counted
	for (let i = 0; i < effort.rounds; i++) {
		// Every other round goes backwards, so that nobody always follows the same neighbour.
		for (const side of i % 2 === 0 ? sides : sides.toReversed()) {
			rounds.get(side)?.push(await side.round(effort.seconds));
		}
	}
	const medianOf = (side: Side, figure: Figure) =>
		median((rounds.get(side) ?? []).map(values => values[figure.name] ?? Number.NaN));
	return benchCase.figures.flatMap(figure => {
		const ours = medianOf(benchCase.ours, figure);
		return benchCase.peers.map(peer => {
			const peerValue = medianOf(peer, figure);
			return {
				bench,
				case: figure.name === '' ? benchCase.name : `${benchCase.name}, ${figure.name}`,
				value: ours,
				unit: figure.unit,
				ours: benchCase.ours.name,
				peer: peer.name,
				peerValue,
				ratio: ours / peerValue,
				better: figure.better,
			};
		});
	});
}

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
