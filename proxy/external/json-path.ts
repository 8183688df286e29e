import { JSONPath } from 'jsonpath-plus';
import { z } from 'zod';
import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** A JSONPath of the kind that site files may hold, ready to use. */
export interface JsonPath {
	readonly source: string;
	/** Whether it names one place: no `*`, no `..`. */
	readonly definite: boolean;
}

// Steps: .Name  ..Name  .*  [0]  [*]  ['@odata.id']. Nothing in it can be a script, a filter or an operator of
// the library's own (`^`, `~`, backquote, `@type()`), whatever a later version of it evaluates.
const GRAMMAR = /^\$(?:\.\.?[A-Za-z_][\w-]*|\.\*|\[(?:\d{1,6}|\*|'[\w@.: -]{1,100}')\])*$/;

/** `$.Reading`, `$.Outlets[*].PowerWatts`, `$['@odata.id']`: names, indexes and wildcards; no filters, no scripts. */
export const jsonPath = z
	.string('expected a JSONPath, for instance $.PowerState')
	.max(500)
	.regex(
		GRAMMAR,
		"expected a JSONPath of names, indexes and wildcards ($.A.B, $.A[*].B, $['@odata.id']); filters and scripts are refused",
	)
	.transform((source): JsonPath => ({ source, definite: !/\*|\.\./.test(source) }));

/**
 * What stands at `path`: of a definite path the value, or undefined when there is none; of one with wildcards
 * the list of all values found, perhaps empty. Own properties only; evaluates nothing.
 */
export function select(path: JsonPath, document: JsonValue): JsonValue | undefined {
	if (path.source === '$') return document;
	if (typeof document !== 'object' || document === null) return path.definite ? undefined : [];
	const found = JSONPath({
		// A backquote makes the library take a name like @odata.id as a name, not as one of its type tests.
		path: path.source.replace(/\['@/g, "['`@"),
		json: document as object,
		eval: false,
		wrap: true,
		resultType: 'all',
	}) as { value: JsonValue; parent: unknown }[] | undefined;
	// The library also steps into the letters of a text; we do not.
	const values = (found ?? []).filter(({ parent }) => typeof parent === 'object').map(({ value }) => value);
	return path.definite ? values[0] : values;
}
