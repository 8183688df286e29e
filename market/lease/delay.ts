import type { Lease } from './lease.ts';

type Delays = NonNullable<Lease['delays']>;

/**
 * Seconds after which what was in the way is not taken to be in the way still, when nobody has looked: the market itself was away.
 * Longer than the longest pause between two attempts (common/back-off.ts).
 */
const longestGap = 90;

/** Whose doing something is; null: nobody's. */
export interface Culprit {
	readonly by: string | null;
	/** It answers for the seconds in which it is in the way, and not for what is left of the lease's time when that has failed. */
	readonly isBounded?: boolean | undefined;
}

/** A lease of which was seen, at `now`, what is in the way of its delivery. */
export function withObstacle(lease: Lease, { by, isBounded = false }: Culprit, now: number): Lease {
	const { obstacle } = lease;
	const isSame = obstacle?.by === by && (obstacle.isBounded ?? false) === isBounded;
	if (isSame && now - obstacle.seen <= longestGap) return { ...lease, obstacle: { ...obstacle, seen: now } };
	const seen = { by, since: now, seen: now, ...(isBounded && { isBounded }) };
	return { ...lease, delays: delaysUntil(lease, now), obstacle: seen };
}

/** Whose doing it is that a lease is late, and for how many seconds, up to `now`. */
export function delaysUntil({ delays = [], obstacle }: Lease, now: number): Delays {
	if (!obstacle || obstacle.by === null) return delays;
	const seconds = Math.min(now, obstacle.seen + longestGap) - obstacle.since;
	return withDelay(delays, { by: obstacle.by, seconds });
}

export function withDelay(delays: Delays, { by, seconds }: Delays[number]): Delays {
	if (seconds <= 0) return delays;
	const before = delays.find(each => each.by === by)?.seconds ?? 0;
	return [...delays.filter(each => each.by !== by), { by, seconds: before + seconds }];
}

/** Who is in the way now: nobody, as far as was seen, when nobody has looked. */
export const culpritAt = ({ obstacle }: Lease, now: number): Culprit =>
	obstacle && now - obstacle.seen <= longestGap ? obstacle : { by: null };
