import type { z } from 'zod';
import type { YamlPath } from './yaml-document.ts';

/** What the walk needs of a zod schema's definition; of the many kinds only those that lead on to others. */
interface Definition {
	readonly type: string;
	readonly innerType?: z.core.$ZodType;
	readonly in?: z.core.$ZodType;
	readonly getter?: () => z.core.$ZodType;
	readonly options?: readonly z.core.$ZodType[];
	readonly left?: z.core.$ZodType;
	readonly right?: z.core.$ZodType;
	readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
	readonly element?: z.core.$ZodType;
	readonly items?: readonly z.core.$ZodType[];
	readonly valueType?: z.core.$ZodType;
	readonly discriminator?: string;
}

/**
 * The keys that `schema` knows in the object at `path` of `value`, for suggestions. Of a discriminated union
 * only the alternative that the value's discriminator names; of other unions, all of them.
 */
export function knownKeys(schema: z.core.$ZodType, path: YamlPath, value: unknown): string[] {
	let schemas = alternatives(schema, value);
	let here = value;
	for (const step of path) {
		here =
			typeof here === 'object' && here !== null
				? (here as Record<string | number, unknown>)[step]
				: undefined;
		schemas = schemas.flatMap(each => child(each, step)).flatMap(each => alternatives(each, here));
	}
	return [...new Set(schemas.flatMap(each => Object.keys(definitionOf(each).shape ?? {})))];
}

function definitionOf(schema: z.core.$ZodType): Definition {
	return schema._zod.def as unknown as Definition;
}

/** The object, array and other plain schemas behind wrappers (optional, default, pipe, lazy) and unions. */
function alternatives(schema: z.core.$ZodType, value: unknown): z.core.$ZodType[] {
	const definition = definitionOf(schema);
	if (definition.innerType) return alternatives(definition.innerType, value);
	if (definition.type === 'pipe' && definition.in) return alternatives(definition.in, value);
	if (definition.type === 'lazy' && definition.getter) return alternatives(definition.getter(), value);
	if (definition.left && definition.right) {
		return [...alternatives(definition.left, value), ...alternatives(definition.right, value)];
	}
	if (!definition.options) return [schema];
	const all = definition.options.flatMap(option => alternatives(option, value));
	const { discriminator } = definition;
	if (discriminator === undefined || typeof value !== 'object' || value === null) return all;
	const given = (value as Record<string, unknown>)[discriminator];
	const named = all.filter(option => {
		const literal = definitionOf(option).shape?.[discriminator];
		return literal?._zod.values?.has(given as never) === true;
	});
	return named.length > 0 ? named : all;
}

function child(schema: z.core.$ZodType, step: string | number): z.core.$ZodType[] {
	const { shape, element, items, valueType } = definitionOf(schema);
	if (shape && Object.hasOwn(shape, step)) return [shape[step]].filter(each => each !== undefined);
	const next = items?.[Number(step)] ?? element ?? valueType;
	return next ? [next] : [];
}
