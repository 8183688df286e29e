import { z } from 'zod';

/** A row's identifier, as OVSDB writes it: `["uuid", "…"]` (RFC 7047 section 5.1, <uuid>). */
export type Uuid = readonly ['uuid', string];

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const uuid: z.ZodType<Uuid> = z.tuple([z.literal('uuid'), z.string().regex(uuidPattern)]);

/** A column that may hold nothing: `["set", []]` stands for that, and a single value for itself (<set>). */
export function optional<T>(value: z.ZodType<T>): z.ZodType<T | undefined> {
	const empty = z.tuple([z.literal('set'), z.tuple([])]).transform(() => undefined);
	return z.union([value, empty]);
}

/** A column of any number of values: one stands for itself, others come as `["set", […]]`. */
export function setOf<T>(value: z.ZodType<T>): z.ZodType<readonly T[]> {
	return z.union([
		value.transform(one => [one]),
		z.tuple([z.literal('set'), z.array(value)]).transform(([, members]) => members),
	]);
}

/** A column of names and texts: `["map", [["name", "text"], …]]` (<map>). */
export const texts: z.ZodType<ReadonlyMap<string, string>> = z
	.tuple([z.literal('map'), z.array(z.tuple([z.string(), z.string()]))])
	.transform(([, pairs]) => new Map(pairs));

export const asSet = <T>(members: readonly T[]) => ['set', members] as const;

export const asMap = (members: Readonly<Record<string, string>>) => ['map', Object.entries(members)] as const;
