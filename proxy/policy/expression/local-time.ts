import { ExpressionSyntaxError } from './outcome.ts';

export const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

/** A moment as the clocks of one time zone show it, summer time included. */
export interface LocalTime {
	readonly hour: number;
	/** `22:05` */
	readonly clock: string;
	/** `2026-12-24` */
	readonly date: string;
	readonly weekday: (typeof weekdays)[number];
}

/**
 * Reads moments (milliseconds since the epoch) as the clocks of `zone` show them.
 * @param zone a name of the IANA time zone database, for instance Europe/Berlin
 * @throws ExpressionSyntaxError for a zone that there is not
 */
export function compileLocalTime(zone: string, offset: number): (moment: number) => LocalTime {
	let format: Intl.DateTimeFormat;
	try {
		if (!/^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/.test(zone)) throw new RangeError(zone);
		format = new Intl.DateTimeFormat('en-GB-u-ca-iso8601-nu-latn', {
			timeZone: zone,
			hourCycle: 'h23',
			year: 'numeric',
			month: '2-digit',
			day: '2-digit',
			hour: '2-digit',
			minute: '2-digit',
			weekday: 'short',
		});
	} catch (error) {
		if (!(error instanceof RangeError)) throw error;
		throw new ExpressionSyntaxError(
			offset,
			`there is no time zone ${JSON.stringify(zone.slice(0, 64))}; write one of the IANA names, for instance "Europe/Berlin", or "UTC"`,
		);
	}
	return moment => {
		const parts: Partial<Record<Intl.DateTimeFormatPartTypes, string>> = {};
		for (const { type, value } of format.formatToParts(moment)) parts[type] = value;
		const { year = '', month = '', day = '', hour = '', minute = '' } = parts;
		const weekday = weekdays.find(name => name === parts.weekday);
		if (weekday === undefined) throw new Error(`a weekday called ${parts.weekday}`);
		return {
			hour: Number(hour),
			clock: `${hour}:${minute}`,
			date: `${year.padStart(4, '0')}-${month}-${day}`,
			weekday,
		};
	};
}
