import type { Cell } from './cells.ts';

/** Stretches for folds over one list of numbers; absent: any. */
export interface NumberFolds {
	readonly MIN?: Cell | undefined;
	readonly MAX?: Cell | undefined;
	readonly AVG?: Cell | undefined;
	readonly SUM?: Cell | undefined;
	/** How many numbers: COUNT or LEN. */
	readonly size?: Cell | undefined;
}

const anything = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY, point: false };
/** Lists up to this length are looked at one by one; beyond it only what changes steadily with the length. */
const longest = 64;

/**
 * False when no list of numbers has such folds. The relations are those of exact arithmetic (MIN ≤ AVG ≤ MAX, the
 * sum of n numbers lies between n·MIN and n·MAX…) with room for what floating point does to sums.
 */
export function couldBe(folds: NumberFolds): boolean {
	const { MIN = anything, MAX = anything, AVG = anything, SUM = anything } = folds;
	const from = Math.max(1, folds.size?.from ?? 1);
	const to = folds.size?.to ?? Number.POSITIVE_INFINITY;
	if (to < from || !strictlyOrdered(MIN, MAX)) return false;
	if (from === 1 && haveCommon([MIN, MAX, AVG, SUM])) return true;
	const least = (n: number): number => Math.max(MAX.from, MIN.from) + (n - 1) * MIN.from;
	const most = (n: number): number => Math.min(MIN.to, MAX.to) + (n - 1) * MAX.to;
	const fits = (n: number): boolean => {
		return (
			atMost(least(n), SUM.to) &&
			atMost(SUM.from, most(n)) &&
			atMost(least(n) / n, AVG.to) &&
			atMost(AVG.from, most(n) / n) &&
			atMost(n * AVG.from, SUM.to) &&
			atMost(SUM.from, n * AVG.to)
		);
	};
	for (let n = Math.max(2, from); n <= Math.min(longest, to); n++) if (fits(n)) return true;
	if (to <= longest) return false;
	// Each side is linear in n, so over all longer lists it is smallest at one of the two ends.
	const first = Math.max(longest + 1, from);
	const somewhere = (holds: (n: number) => boolean) => holds(first) || holds(Math.min(to, 1e15));
	return (
		somewhere(n => atMost(least(n), SUM.to)) &&
		somewhere(n => atMost(SUM.from, most(n))) &&
		somewhere(n => atMost(least(n) / n, AVG.to)) &&
		somewhere(n => atMost(AVG.from, most(n) / n)) &&
		somewhere(n => atMost(n * AVG.from, SUM.to)) &&
		somewhere(n => atMost(SUM.from, n * AVG.to))
	);
}

/** `a <= b` with room for rounding; what cannot be told passes. */
function atMost(a: number, b: number): boolean {
	const room = 1e-9 * (1 + Math.abs(Number.isFinite(a) ? a : 0) + Math.abs(Number.isFinite(b) ? b : 0));
	return !(a > b + room);
}

type Stretch = Pick<Cell, 'from' | 'to' | 'point'>;

/** Is there a value of the first that is at most one of the second? */
function strictlyOrdered(a: Stretch, b: Stretch): boolean {
	return a.from < b.to || (a.from === b.to && a.point && b.point);
}

function haveCommon(stretches: readonly Stretch[]): boolean {
	const from = Math.max(...stretches.map(each => each.from));
	const to = Math.min(...stretches.map(each => each.to));
	if (from < to) return true;
	return from === to && stretches.every(each => each.point || (each.from < from && each.to > from));
}

/** Lists that may have such folds, for the evaluator to judge. */
export function* listsWith(folds: NumberFolds): Generator<readonly number[]> {
	const number = (cell: Cell | undefined) => cell?.value as number | undefined;
	const min = number(folds.MIN);
	const max = number(folds.MAX);
	const sum = number(folds.SUM);
	const avg = number(folds.AVG);
	const wished = folds.size ? [number(folds.size) ?? 1] : [1, 2, 3, 4, 8];
	if (!folds.size && sum !== undefined) {
		for (const each of [max, min, avg]) {
			if (each) wished.push(Math.ceil(sum / each), Math.floor(sum / each), Math.ceil(sum / each) + 1);
		}
	}
	for (const n of new Set(wished)) {
		if (!(n >= 1 && n <= 4096)) continue;
		const total = sum ?? (avg === undefined ? undefined : avg * n);
		if (n === 1) {
			const only = sum ?? avg ?? min ?? max;
			yield [only ?? 1];
			continue;
		}
		const ends = [...(min === undefined ? [] : [min]), ...(max === undefined ? [] : [max])];
		const others = n - ends.length;
		const rest = ends.reduce((left, each) => left - each, total ?? 0);
		const fill = total === undefined ? (min ?? max ?? 1) : rest / Math.max(1, others);
		yield [...ends, ...new Array<number>(others).fill(fill)];
		if (total !== undefined && others > 1) {
			const small = Math.max(min ?? 0, 0);
			yield [...ends, rest - small * (others - 1), ...new Array<number>(others - 1).fill(small)];
		}
	}
}
