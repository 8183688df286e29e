import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { marketErrors } from '../errors.ts';
import type { Interval } from './interval.ts';

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/, 'expected a time of day as 18:00');

/** The same hours every week, by the clock on the wall of a time zone. */
export const weekly = z.strictObject({
	type: z.literal('weekly'),
	/** IANA's name, for instance `Europe/Berlin`. */
	zone: z.string().max(64),
	days: z.array(z.enum(weekdays)).min(1).max(7),
	/** `until` not after `from` is that time of the next day. */
	from: timeOfDay,
	until: timeOfDay,
	/** The first and the last day on which it begins. */
	first: z.iso.date(),
	last: z.iso.date(),
});
export type Weekly = z.output<typeof weekly>;

/** Two years, so that what is offered stays a list that can be kept and shown. */
const longestSpan = 731;

/**
 * The exact seconds that it means, by the zone's rules as they are known today, in order. Where the clock is set ahead, a
 * time of day that is skipped is the moment of the change; where it is set back, one that comes twice is its first coming.
 * So no interval ever ends before it begins, and intervals that adjoin on the wall do so in fact.
 * @throws TimesRefused for no such zone, days in the wrong order or too far apart, or hours that mean no time at all
 */
export function weeklyIntervals({ zone, days, from, until, first, last }: Weekly): Interval[] {
	const [firstDay, lastDay] = [dayOf(first), dayOf(last)];
	const span = firstDay.until(lastDay, { largestUnit: 'days' }).days;
	if (span < 0) throw marketErrors.TimesRefused(`The last day, ${last}, is before the first, ${first}.`);
	if (span >= longestSpan) {
		throw marketErrors.TimesRefused(`From ${first} to ${last} is too long: offer two years at most at once.`);
	}
	checkZone(zone);
	const wanted = new Set(days);
	const [begin, end] = [Temporal.PlainTime.from(from), Temporal.PlainTime.from(until)];
	const isOvernight = Temporal.PlainTime.compare(end, begin) <= 0;
	const intervals: Interval[] = [];
	for (let day = firstDay; Temporal.PlainDate.compare(day, lastDay) <= 0; day = day.add({ days: 1 })) {
		const weekday = weekdays[day.dayOfWeek - 1];
		if (weekday === undefined || !wanted.has(weekday)) continue;
		const startSecond = wallSecond(day.toPlainDateTime(begin), zone);
		const endSecond = wallSecond((isOvernight ? day.add({ days: 1 }) : day).toPlainDateTime(end), zone);
		// All of it can lie in the hour that is skipped.
		if (startSecond < endSecond) intervals.push({ start: startSecond, end: endSecond });
	}
	if (intervals.length === 0) {
		throw marketErrors.TimesRefused(`No ${days.join(', ')} from ${first} to ${last} has these hours.`);
	}
	return intervals;
}

/** The first second at which the clock on the wall shows `wall`, or has been set ahead over it. */
function wallSecond(wall: Temporal.PlainDateTime, zone: string): number {
	const found = wall.toZonedDateTime(zone, { disambiguation: 'earlier' });
	// In a gap, `earlier` is as long before it as `wall` is after its beginning.
	const isSkipped = !found.toPlainDateTime().equals(wall);
	const shown = isSkipped ? (found.getTimeZoneTransition('next') ?? found) : found;
	return Math.floor(shown.epochMilliseconds / 1000);
}

function dayOf(text: string): Temporal.PlainDate {
	try {
		return Temporal.PlainDate.from(text, { overflow: 'reject' });
	} catch (error) {
		throw marketErrors.TimesRefused(`${JSON.stringify(text.slice(0, 40))} is no day: write 2026-03-01.`, {
			cause: error,
		});
	}
}

function checkZone(zone: string): void {
	try {
		new Temporal.ZonedDateTime(0n, zone);
	} catch (error) {
		throw marketErrors.TimesRefused(
			`There is no time zone ${JSON.stringify(zone.slice(0, 64))}: give one by IANA's name, for instance Europe/Berlin.`,
			{ cause: error },
		);
	}
}
