import { z } from 'zod';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { ReservationRules } from '../external/reservation-rules.ts';
import type { ExternalValue } from '../policy/facts.ts';
import type { PolicySet } from '../policy/policy-set.ts';

/** Where a source's reservations go. */
export interface ReservedSource {
	readonly rules: ReservationRules;
	/** The property of the value that holds the rows; undefined when the value is the rows, or one object. */
	readonly under: string | undefined;
	/** For messages: `W`. */
	readonly unit: string | undefined;
}

/** Something promised that the source does not show yet. */
export const reservation = z.strictObject({
	source: z.string(),
	bmc: z.string(),
	/** The row that it belongs to; null when it stands beside the rows. */
	row: z.string().nullable(),
	/** `level`: the row is at least this. `extra`: this comes on top. */
	kind: z.enum(['level', 'extra']),
	amount: z.number(),
	/** When the row reaches `amount` the sensor shows it; false where it stood so high before already. */
	endsWhenShown: z.boolean(),
	/** Milliseconds since the epoch. */
	since: z.int(),
	until: z.int(),
	/** When the reading was made that showed it; null until then. Who decides on an older reading must still see it. */
	shownAt: z.int().nullable(),
});
export type Reservation = z.infer<typeof reservation>;

type Row = Readonly<Record<string, JsonValue>>;

/** What one allowed operation reserves of a source whose value is known, or not (it was not asked for). */
export function reserve(
	name: string,
	{ rules, under }: ReservedSource,
	rule: ReservationRules['operations'][number],
	{ bmc, value, now }: { readonly bmc: string; readonly value: JsonValue | undefined; readonly now: number },
): Reservation {
	const held = { source: name, bmc, since: now, until: now + rule.atMost, shownAt: null };
	const { add = 0, draw } = rule;
	if (rules.row === undefined)
		return { ...held, row: null, kind: 'extra', amount: add, endsWhenShown: false };
	const row = rowOf(rules, bmc);
	const found = value === undefined ? undefined : rowsOf(value, under)?.find(isRow(rules, row));
	const reading = found?.[rules.field];
	if (draw === undefined && typeof reading !== 'number')
		return { ...held, row, kind: 'extra', amount: add, endsWhenShown: false };
	const amount = draw ?? (reading as number) + add;
	// A server that is restarted draws its share already, then less, then more than before.
	const endsWhenShown = typeof reading === 'number' && reading < amount;
	return { ...held, row, kind: 'level', amount, endsWhenShown };
}

/** The operations that reservations name and that the table has no row of, each as a sentence. */
export function reservationsWithoutRow(
	{ operations }: Pick<PolicySet, 'operations'>,
	reserved: Readonly<Record<string, ReservedSource>>,
): string[] {
	const known = new Set(operations.map(({ name }) => name));
	return Object.entries(reserved).flatMap(([source, { rules }]) =>
		rules.operations
			.flatMap(({ operation }) => operation)
			.filter(name => !known.has(name))
			.map(
				name => `external.${source}.reservations: the authorization table has no row ${JSON.stringify(name)}`,
			),
	);
}

const rowOf = ({ rowOf: rows }: ReservationRules, bmc: string): string =>
	(Object.hasOwn(rows, bmc) ? rows[bmc] : undefined) ?? bmc;

const isRow =
	({ row }: ReservationRules, key: string) =>
	(each: Row): boolean =>
		row !== undefined && Object.hasOwn(each, row) && String(each[row]) === key;

const isObject = (value: JsonValue | undefined): value is Row =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** The rows of a value; undefined when it is a single object. */
function rowsOf(value: JsonValue, under: string | undefined): readonly Row[] | undefined {
	const list = under === undefined ? value : isObject(value) ? value[under] : undefined;
	return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isObject) : undefined;
}

/** Does this reading show what was reserved, for the first time? */
export function isShown(held: Reservation, source: ReservedSource, external: ExternalValue): boolean {
	if (!held.endsWhenShown || held.row === null || held.shownAt !== null) return false;
	if (external.status !== 'fresh' || external.asOf <= held.since) return false;
	const reading = rowsOf(external.value, source.under)?.find(isRow(source.rules, held.row))?.[
		source.rules.field
	];
	return typeof reading === 'number' && reading >= held.amount;
}

/** The source's value with what is reserved of it; a row that the source does not have yet is added. */
export function withReservations(
	external: ExternalValue,
	source: ReservedSource,
	all: readonly Reservation[],
): ExternalValue {
	if (external.status !== 'fresh') return external;
	const { asOf } = external;
	const held = all.filter(({ until, shownAt }) => until > asOf && (shownAt === null || shownAt > asOf));
	if (held.length === 0) return external;
	const { rules, under, unit } = source;
	const rows = rowsOf(external.value, under);
	let added = 0;
	const raise = (row: Row, own: readonly Reservation[]): Row => {
		const reading = row[rules.field];
		if (typeof reading !== 'number') return row; // no sum can be made of it anyway
		const raised = raisedBy(own, reading);
		added += raised - reading;
		return raised === reading ? row : { ...row, [rules.field]: raised };
	};
	const rename = (list: readonly JsonValue[]): JsonValue =>
		under === undefined ? list : { ...(external.value as Row), [under]: list };
	let value: JsonValue;
	if (rows === undefined) {
		if (!isObject(external.value)) return { status: 'unavailable', reason: 'nothing can be reserved of it' };
		value = raise(external.value, held);
	} else {
		const keys = new Set(held.map(each => each.row));
		const changed: JsonValue[] = rows.map(row => {
			const key = [...keys].find(each => each !== null && isRow(rules, each)(row));
			return key === undefined
				? row
				: raise(
						row,
						held.filter(each => each.row === key),
					);
		});
		for (const key of keys) {
			if (key !== null && rows.some(isRow(rules, key))) continue;
			const own = held.filter(each => each.row === key);
			const name = rules.row === undefined ? {} : { [rules.row]: key ?? `reserved for ${own[0]?.bmc}` };
			changed.push(raise({ ...name, [rules.field]: 0 }, own));
		}
		value = rename(changed);
	}
	if (added === 0) return external;
	const whom = [...new Set(held.map(each => each.bmc))].sort().join(', ');
	const reserved = `${Number(added.toFixed(3))}${unit === undefined ? '' : ` ${unit}`} reserved for ${whom}`;
	return { ...external, value, reserved };
}

/** Levels do not add up (a server cannot start twice at once); what has no row of its own does. */
function raisedBy(held: readonly Reservation[], reading: number): number {
	const level = Math.max(reading, ...held.filter(({ kind }) => kind === 'level').map(({ amount }) => amount));
	return held.filter(({ kind }) => kind === 'extra').reduce((sum, { amount }) => sum + amount, level);
}
