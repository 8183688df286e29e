/** A text that stands for a day, a time of day or a moment, as a number that orders it among its kind. */
export interface Temporal {
	readonly kind: 'date' | 'clock' | 'moment';
	/** Days and moments: milliseconds since the epoch; times of day: minutes since midnight. */
	readonly value: number;
}

const date = /^\d{4}-\d{2}-\d{2}$/;
const clock = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
// ISO 8601 as Redfish writes it (DSP0266, date-time values): always with an offset, so that it is one moment.
const moment = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** `2026-12-24`, `22:05` or `2026-12-24T22:05:00Z`; undefined for any other text, and for days that are none. */
export function temporalOf(text: string): Temporal | undefined {
	if (text.length > 40) return undefined;
	if (clock.test(text)) {
		return { kind: 'clock', value: Number(text.slice(0, 2)) * 60 + Number(text.slice(3)) };
	}
	if (date.test(text)) return isDay(text) ? { kind: 'date', value: Date.parse(text) } : undefined;
	const day = moment.exec(text)?.[1];
	if (day === undefined || !isDay(day)) return undefined;
	const value = Date.parse(text);
	return Number.isNaN(value) ? undefined : { kind: 'moment', value };
}

/** Date.parse takes the 30th of February for the 2nd of March in some engines. */
function isDay(text: string): boolean {
	const parsed = Date.parse(text);
	return !Number.isNaN(parsed) && new Date(parsed).toISOString().startsWith(text);
}

/**
 * Is `value` from `from` to `to`? A day or a number may be either end; a time of day or a moment begins at `from`
 * and has ended at `to`, and times of day may go past midnight (22:00 to 06:00).
 */
export function isWithin(
	value: number,
	from: number,
	to: number,
	kind: Temporal['kind'] | 'number',
): boolean {
	if (kind === 'clock' && from > to) return value >= from || value < to;
	return value >= from && (kind === 'clock' || kind === 'moment' ? value < to : value <= to);
}
