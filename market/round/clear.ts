import { curveBound } from './bound.ts';
import { askOf, awardGreedily } from './greedy.ts';
import { modelOf } from './model.ts';
import { type Award, gainOf, limitOf, type Pool } from './pool.ts';
import type { Solver } from './solver.ts';
import { atOnce, inTurns, ofStep, type Steps } from './turns.ts';

/** What became of a pool. */
export interface Cleared {
	/** Microcredits for a second of any server of the pool; undefined when nothing was awarded. */
	readonly price: number | undefined;
	readonly awards: readonly Award[];
	/** Microcredits that buyers and sellers have of it together. */
	readonly gains: bigint;
	/** No awards whatever could have more; by a linear program, or for large pools by the curves of demand and supply. */
	readonly bound: number;
	/** `exact`: no awards at one price have more gains. */
	readonly by: 'exact' | 'greedy';
}

/** Bids and servers of a pool, and prices that are tried: beyond them it is cleared by hand. */
const exactLimits = { bids: 100, slots: 400, prices: 24 } as const;
/** Beyond them the bound is that of the curves. */
const relaxedLimits = { bids: 1000, slots: 400 } as const;
/**
 * Clears a pool at one price. The gains are as large as they can be at any one price, if the pool is small enough for the
 * solver; else as large as they come out by hand, with a bound to compare. Every bid that is awarded something would pay the
 * price or more, every offer that gives something asks the price or less: the price is half-way between the dearest ask and
 * the lowest limit of those. `patience`: milliseconds for the solver, after which the pool is cleared by hand; that is done in
 * turns with whatever else there is to do.
 * @throws the signal's reason, when it is aborted in the middle
 */
export async function clearPool(
	pool: Pool,
	{
		solver,
		patience,
		signal,
	}: { readonly solver: Solver; readonly patience: number; readonly signal?: AbortSignal },
): Promise<Cleared> {
	const greedy = await inTurns(awardGreedily(pool), signal);
	const greedyGains = await inTurns(totalOf(greedy), signal);
	let best = greedy;
	let by: Cleared['by'] = 'greedy';
	let bound = await inTurns(curveBound(pool), signal);
	if (isWithin(pool, relaxedLimits)) {
		const relaxed = modelOf(pool);
		if (relaxed && relaxed.choices.length > 0) {
			const answer = await solver.solve(relaxed.text(true), patience);
			if (answer.status === 'optimal') bound = Math.min(bound, answer.objective * relaxed.scale);
		} else if (relaxed) bound = 0;
		const exact =
			relaxed &&
			isWithin(pool, exactLimits) &&
			(await exactAwards(pool, { solver, deadline: performance.now() + patience, atLeast: greedyGains }));
		if (exact) {
			by = 'exact';
			if (exact !== 'none better') best = exact;
		}
	}
	const gains = best === greedy ? greedyGains : atOnce(totalOf(best));
	if (best.length === 0) return { price: undefined, awards: [], gains, bound, by };
	return { price: await inTurns(midPrice(best), signal), awards: best, gains, bound, by };
}

function* totalOf(awards: readonly Award[]): Steps<bigint> {
	let sum = 0n;
	let steps = 0;
	for (const award of awards) {
		if (steps++ % ofStep === 0) yield;
		sum += gainOf(award);
	}
	return sum;
}

/** Half-way between the dearest ask that was taken and the lowest limit that was met. */
function* midPrice(awards: readonly Award[]): Steps<number> {
	let ask = 0;
	let limit = Number.MAX_SAFE_INTEGER;
	let steps = 0;
	for (const award of awards) {
		if (steps++ % ofStep === 0) yield;
		ask = Math.max(ask, askOf(award));
		limit = Math.min(limit, limitOf(award));
	}
	if (ask > limit) throw new Error('awards that no one price fits');
	return Math.floor((ask + limit) / 2);
}

function isWithin({ bids, lanes }: Pool, most: { readonly bids: number; readonly slots: number }): boolean {
	let slots = 0;
	for (const lane of lanes.values()) slots += lane.length;
	return bids.length > 0 && bids.length <= most.bids && slots <= most.slots;
}

/** The best awards at any one price; undefined when that could not be found out. */
async function exactAwards(
	pool: Pool,
	{
		solver,
		deadline,
		atLeast,
	}: { readonly solver: Solver; readonly deadline: number; readonly atLeast: bigint },
): Promise<Award[] | 'none better' | undefined> {
	// With any price, the dearest ask that is taken would do as well.
	const asks = new Set([...pool.lanes.values()].flat().map(({ offer }) => offer.price));
	const hopeful = [...asks]
		.map(price => ({ price, bound: atOnce(curveBound(pool, price)) }))
		.sort((a, b) => b.bound - a.bound || a.price - b.price);
	if (hopeful.length > exactLimits.prices) return undefined;
	let best: Award[] | 'none better' = 'none better';
	let gains = atLeast;
	for (const { price, bound } of hopeful) {
		if (bound <= Number(gains)) break;
		const model = modelOf(pool, price);
		if (!model) return undefined;
		if (model.choices.length === 0) continue;
		const left = deadline - performance.now();
		if (left <= 0) return undefined;
		const answer = await solver.solve(model.text(false), left);
		if (answer.status !== 'optimal') return undefined;
		const awards = model.awards(new Map(answer.values));
		const found = atOnce(totalOf(awards));
		if (found <= gains) continue;
		best = awards;
		gains = found;
	}
	return best;
}
