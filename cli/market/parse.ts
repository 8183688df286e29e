import { InvalidArgumentError } from 'commander';
import type { BidTerms } from '../../market/client.ts';

type Condition = Extract<BidTerms['servers'], { where: unknown }>['where'][number];

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of `90s`, `30m`, `12h`, `7d`, `2w`. */
export function duration(text: string): number {
	const [, count, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
	if (count === undefined) throw new InvalidArgumentError('expected 90s, 30m, 12h, 7d or 2w');
	return Number(count) * (units[unit] ?? 1);
}

/** A moment as it was typed: relative ones count from when the command runs. */
export type Moment = (now: number) => number;

/** Seconds since the epoch, of `now`, `+2h`, `2026-12-01` or `2026-12-01T18:00:00+01:00`; without a zone it is UTC. */
export function moment(text: string): Moment {
	if (text === 'now') return now => now;
	if (text.startsWith('+')) {
		const seconds = duration(text.slice(1));
		return now => now + seconds;
	}
	const isZoned = /[Zz]$|[+-]\d\d:\d\d$/.test(text);
	const shape = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?([Zz]|[+-]\d\d:\d\d)?)?$/;
	const at = shape.test(text) ? Date.parse(isZoned || !text.includes('T') ? text : `${text}Z`) : Number.NaN;
	if (Number.isNaN(at)) throw new InvalidArgumentError('expected now, +2h, 2026-12-01 or 2026-12-01T18:00Z');
	return () => Math.floor(at / 1000);
}

/** Whole microcredits for a second. */
export function price(text: string): string {
	if (!/^[1-9]\d{0,10}$/.test(text))
		throw new InvalidArgumentError(
			'expected whole microcredits for a second of a server: 278 is a credit an hour',
		);
	return text;
}

/** The number of an event as the market has it: 16 digits. */
export function eventNumber(text: string): string {
	if (!/^\d{1,16}$/.test(text)) throw new InvalidArgumentError('expected the number of an event: 1042');
	return text.padStart(16, '0');
}

type ScheduleRule = NonNullable<BidTerms['schedule']>[number];
/** A rule of a price schedule as it was typed: times count from when the command runs, hours by the clock of a zone. */
export type ScheduleMoment = (now: number, zone: string) => ScheduleRule;

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** `+2h=200`: beginning then or later; `sat,sun 08:00-20:00=150`: beginning in those hours. Repeatable. */
export function schedule(text: string, before: readonly ScheduleMoment[] = []): ScheduleMoment[] {
	const [, when = '', most = ''] = /^(.+)=([^=]+)$/.exec(text) ?? [];
	const highest = price(most);
	const [, days, from = '', until = ''] =
		/^([a-z,]+) (\d\d:\d\d(?::\d\d)?)-(\d\d:\d\d(?::\d\d)?)$/.exec(when) ?? [];
	if (days === undefined) {
		const after = moment(when);
		return [...before, now => ({ after: after(now), highest })];
	}
	const chosen = weekdays.filter(day => days.split(',').includes(day));
	if (chosen.length !== days.split(',').length)
		throw new InvalidArgumentError("expected days as 'sat,sun 08:00-20:00=150'");
	return [...before, (_now, zone) => ({ zone, days: chosen, from, until, highest })];
}

/** `model=R640`, `memoryGib>=384`, `gpu!=true`. Repeatable: all are to hold. */
export function condition(text: string, before: readonly Condition[] = []): Condition[] {
	const [, property, op, given = ''] = /^([^=<>!]{1,64}?)(!=|<=|>=|=|<|>)(.{1,256})$/.exec(text) ?? [];
	if (property === undefined)
		throw new InvalidArgumentError('expected NAME=VALUE, or with !=, <, <=, > or >=');
	const value =
		given === 'true'
			? true
			: given === 'false'
				? false
				: /^-?\d+(\.\d+)?$/.test(given)
					? Number(given)
					: given;
	if (op === '=' || op === '!=') return [...before, { property, op: op === '=' ? '==' : '!=', value }];
	if (typeof value !== 'number') throw new InvalidArgumentError(`${op} compares numbers`);
	return [...before, { property, op: op as '<', value }];
}
