import { z } from 'zod';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { type JsonPath, jsonPath, select } from './json-path.ts';

export type Scalar = string | number | boolean | null;

/** Where a field of the value comes from, and what it may be. */
export type FieldRule =
	| { readonly from: 'target' }
	| {
			readonly from: 'path';
			readonly path: JsonPath;
			/** When given, anything of another type is refused. */
			readonly type?: 'string' | 'number' | 'boolean' | undefined;
			/** What each value found stands for. */
			readonly values?: Readonly<Record<string, Scalar>> | undefined;
			/** For values that are not among `values`; without it such a value is refused. */
			readonly otherwise?: Scalar | undefined;
			/** What a number counts, for messages: `W`. */
			readonly unit?: string | undefined;
	  };

export type FieldRules = Readonly<Record<string, FieldRule>>;

/** Names that the policy language can write after a dot. */
export const fieldName = z
	.string()
	.regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'expected a name of letters, digits and _, for instance Power');

export const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const fromPath = z.union([
	jsonPath.transform((path): FieldRule => ({ from: 'path', path })),
	z
		.strictObject({
			path: jsonPath,
			type: z.enum(['string', 'number', 'boolean']).optional(),
			values: z.record(z.string(), scalar).optional(),
			otherwise: scalar.optional(),
			unit: z
				.string()
				.regex(/^[^\s\p{C}]{1,16}$/u, 'expected a unit, for instance W')
				.optional(),
		})
		.refine(rule => rule.unit === undefined || rule.type === 'number', 'a unit needs type: number')
		.refine(rule => rule.otherwise === undefined || rule.values !== undefined, 'otherwise needs values')
		.transform((rule): FieldRule => ({ from: 'path', ...rule })),
]);
const fromTarget = z
	.strictObject({ target: z.literal(true) })
	.transform((): FieldRule => ({ from: 'target' }));

const rulesOf = (rule: z.ZodType<FieldRule>) =>
	z.record(fieldName, rule).refine(fields => Object.keys(fields).length > 0, 'expected one field or more');

/** `{ Power: $.PowerWatts, State: { path: $.PowerState, values: { On: Up }, otherwise: Down } }` */
export const fields = rulesOf(fromPath);

/** The same, and `{ target: true }` for the name of what was asked. */
export const targetFields = rulesOf(z.union([fromPath, fromTarget]));

export type Mapped =
	| { readonly ok: true; readonly value: { readonly [field: string]: JsonValue } }
	| { readonly ok: false; readonly reason: string };

/** One object of the value, out of one document. A field that is missing or does not fit spoils it all. */
export function mapFields(rules: FieldRules, document: JsonValue, target = ''): Mapped {
	const value: Record<string, JsonValue> = {};
	for (const [name, rule] of Object.entries(rules)) {
		if (rule.from === 'target') {
			value[name] = target;
			continue;
		}
		const found = select(rule.path, document);
		if (found === undefined) return { ok: false, reason: `${name}: there is nothing at ${rule.path.source}` };
		if (rule.type !== undefined && typeof found !== rule.type) {
			return { ok: false, reason: `${name}: ${rule.path.source} is not a ${rule.type}` };
		}
		if (rule.values === undefined) {
			value[name] = found;
			continue;
		}
		const key = typeof found === 'object' ? undefined : String(found);
		const meaning = key !== undefined && Object.hasOwn(rule.values, key) ? rule.values[key] : rule.otherwise;
		if (meaning === undefined) {
			return { ok: false, reason: `${name}: ${rule.path.source} holds a value that is not listed` };
		}
		value[name] = meaning;
	}
	return { ok: true, value };
}
