import { z } from 'zod';
import { second } from '../calendar/interval.ts';
import { priceText } from '../calendar/price.ts';
import { weekly, weeklyIntervals } from '../calendar/weekly.ts';
import { marketErrors } from '../errors.ts';

const { zone, days, from, until } = weekly.shape;

/**
 * A server may cost less than the bid's highest price, when it begins at some times: `after` a second, that one included, or
 * at hours of the week. Where several rules hold, the lowest price counts.
 */
export const scheduleRule = z.union([
	z.strictObject({ after: second, highest: priceText }),
	z.strictObject({ zone, days, from, until, highest: priceText }),
]);
export type ScheduleRule = z.output<typeof scheduleRule>;

/** From this second on, until the next step, a server of a bid that begins then costs so much at most (microcredits for a second). */
export const step = z.strictObject({ from: second, highest: z.int().min(1) });
export type Step = z.output<typeof step>;

const day = 86_400;
const longestWindow = 366;
/** So that a bid stays quick to match. */
const mostSteps = 1000;

/**
 * The steps that a schedule means for starts from `earliest` to `latest` (seconds), in order; the first one is at `earliest`.
 * @throws BidRefused when it allows more than `highest`, or is too long; TimesRefused for no such zone, or hours that are none
 */
export function stepsOf(
	schedule: readonly ScheduleRule[],
	{ earliest, latest, highest }: { earliest: number; latest: number; highest: number },
): Step[] {
	const caps = schedule.flatMap(rule => capsOf(rule, earliest, latest));
	for (const cap of caps) {
		if (cap.highest <= highest) continue;
		throw marketErrors.BidRefused(
			`Its schedule allows ${cap.highest}, which is more than ${highest}: its highest price is the most that it ever pays.`,
		);
	}
	const within = caps
		.filter(({ start, end }) => start <= latest && earliest < end)
		.map(cap => ({ ...cap, start: Math.max(cap.start, earliest) }));
	if (within.length > mostSteps / 2) {
		throw marketErrors.BidRefused(
			`Its schedule has ${within.length} times in its window, and can have ${mostSteps / 2}: make the window shorter.`,
		);
	}
	const turns = new Set([earliest, ...within.flatMap(({ start, end }) => [start, end])]);
	const steps: Step[] = [];
	for (const at of [...turns].filter(each => each <= latest).sort((a, b) => a - b)) {
		const limit = within
			.filter(({ start, end }) => start <= at && at < end)
			.reduce((least, cap) => Math.min(least, cap.highest), highest);
		if (steps.at(-1)?.highest !== limit) steps.push({ from: at, highest: limit });
	}
	return steps;
}

interface Cap {
	readonly start: number;
	readonly end: number;
	readonly highest: number;
}

function capsOf(rule: ScheduleRule, earliest: number, latest: number): Cap[] {
	const highest = Number(rule.highest);
	if ('after' in rule) return [{ start: rule.after, end: Number.MAX_SAFE_INTEGER, highest }];
	if (latest - earliest > longestWindow * day) {
		throw marketErrors.BidRefused(
			`With hours of the week in its schedule, a bid's window is ${longestWindow} days at most.`,
		);
	}
	const { highest: _, ...hours } = rule;
	// Hours can begin the day before, zones are up to a day apart, and each weekday is to come twice: so none is missing.
	const [first, last] = [dayText(earliest - 2 * day), dayText(latest + 16 * day)];
	return weeklyIntervals({ type: 'weekly', ...hours, first, last }).map(each => ({ ...each, highest }));
}

const dayText = (at: number): string => new Date(at * 1000).toISOString().slice(0, 10);

interface Limited {
	readonly highest: number;
	readonly steps?: readonly Step[] | undefined;
}

/** The most that a server may cost that begins at a second: microcredits for a second. */
export const limitAt = ({ highest, steps }: Limited, start: number): number =>
	steps?.findLast(each => each.from <= start)?.highest ?? highest;

/** Calls `visit` with each stretch of starts at which a server may cost so much, both ends included, until it returns false. */
export function eachAffordable(
	{ highest, steps = [] }: Limited,
	price: number,
	{ first, last }: { readonly first: number; readonly last: number },
	visit: (first: number, last: number) => boolean,
): boolean {
	let begun = highest >= price ? first : undefined;
	for (const { from, highest: limit } of steps) {
		if (from > last) break;
		if (limit >= price) begun ??= Math.max(from, first);
		else {
			if (begun !== undefined && begun < from && !visit(begun, from - 1)) return false;
			begun = undefined;
		}
	}
	return begun === undefined || visit(begun, last);
}
