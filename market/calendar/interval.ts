import { z } from 'zod';

/** Whole seconds since the epoch, up to the end of the year 9999. */
export const second = z.int().min(0).max(253_402_300_799);

/** From `start` on, up to but not with `end`: what ends at a second and what begins at it do not meet. */
export const interval = z
	.strictObject({ start: second, end: second })
	.refine(({ start, end }) => start < end, 'it ends before it begins, or is empty');
export type Interval = z.output<typeof interval>;

/** In order of their starts; those that overlap or touch become one. */
export function merged(intervals: readonly Interval[]): Interval[] {
	const result: Interval[] = [];
	for (const { start, end } of [...intervals].sort((a, b) => a.start - b.start)) {
		const last = result.at(-1);
		if (last && start <= last.end) result[result.length - 1] = { ...last, end: Math.max(last.end, end) };
		else result.push({ start, end });
	}
	return result;
}

/** The first two that overlap, if any do. */
export function overlapping(intervals: readonly Interval[]): readonly [Interval, Interval] | undefined {
	let last: Interval | undefined;
	for (const each of [...intervals].sort((a, b) => a.start - b.start || a.end - b.end)) {
		if (last && each.start < last.end) return [last, each];
		last = each;
	}
	return undefined;
}

/** `2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z`. */
export const intervalText = ({ start, end }: Interval): string =>
	`${secondText(start)} to ${secondText(end)}`;

const secondText = (at: number): string => new Date(at * 1000).toISOString().replace('.000Z', 'Z');
