import { nearest } from '../../common/config/nearest.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { compileCondition } from './expression/compile.ts';
import { ExpressionSyntaxError, type Parsed, parsed } from './expression/outcome.ts';
import { maxSourceLength } from './expression/scan.ts';
import { parseTree } from './expression/syntax.ts';
import type { MaskPolicy, PostPolicy, PredicatePolicy, SourceLocation } from './policy-set.ts';

/** Steps for one resource; a log of thousands of entries is filtered on every read. */
const maxStepsForResource = 10_000;
const notSchemas = ['Request', 'Resource', 'External'];
const assignment = /^(\s*)([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_*@]+)*)\s*:=\s*/;

/** Compiles what stands behind `<party>.post`: a mask, `LogEntry.Oem* := null`, or a predicate, `LogEntry.Severity == "Critical"`. */
export function compilePostPolicy(source: string, where: SourceLocation): Parsed<PostPolicy> {
	return parsed(() => (hasAssignment(source) ? compileMask(source, where) : compilePredicate(source, where)));
}

/** Whether `:=` stands outside quotation marks. */
function hasAssignment(source: string): boolean {
	return source
		.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, text => ' '.repeat(text.length))
		.includes(':=');
}

function compileMask(source: string, where: SourceLocation): MaskPolicy {
	if (source.length > maxSourceLength) {
		throw new ExpressionSyntaxError(maxSourceLength, `longer than ${maxSourceLength} characters`);
	}
	const match = assignment.exec(source);
	if (!match) {
		throw new ExpressionSyntaxError(
			0,
			'what is assigned to must be a schema and its property, for instance LogEntry.Oem* := null',
		);
	}
	const [whole, space = '', schema = '', path = ''] = match;
	if (path === '') {
		throw new ExpressionSyntaxError(
			space.length + schema.length,
			`name a property of ${schema}, for instance ${schema}.Oem := null`,
		);
	}
	const names = path.slice(1).split('.');
	checkMaskNames(names, space.length + schema.length + 1);
	return {
		kind: 'mask',
		source: source.trim(),
		where,
		schema,
		path: names,
		value: readValue(source, whole.length),
	};
}

function checkMaskNames(names: readonly string[], start: number): void {
	let offset = start;
	for (const name of names) {
		if (name === '__proto__') throw new ExpressionSyntaxError(offset, '"__proto__" is not a property');
		if (/^@?odata/.test(name)) {
			throw new ExpressionSyntaxError(
				offset,
				`"${name}" identifies the resource and cannot be masked; drop the resource by a predicate`,
			);
		}
		if ((name.match(/\*/g) ?? []).length > 4)
			throw new ExpressionSyntaxError(offset, 'at most four "*" in a name');
		offset += name.length + 1;
	}
}

function readValue(source: string, start: number): JsonValue {
	const text = source.slice(start).trim();
	try {
		const value = JSON.parse(text) as JsonValue;
		if (typeof value !== 'object' || value === null) return value;
	} catch {
		// Told below, as for a list or an object.
	}
	throw new ExpressionSyntaxError(
		start,
		`a property is replaced by null, true, false, a number or a "text"; found ${JSON.stringify(text.slice(0, 40))}`,
	);
}

function compilePredicate(source: string, where: SourceLocation): PredicatePolicy {
	let schema: string | undefined;
	const compiled = compileCondition<JsonValue>(parseTree(source), names => {
		const [head, property] = names;
		const name = head?.name ?? '';
		const offset = head?.offset ?? 0;
		if (notSchemas.includes(name)) {
			throw new ExpressionSyntaxError(
				offset,
				`a post-policy sees the answer alone; write a schema's name instead of ${name}, for instance LogEntry`,
			);
		}
		if (!property)
			throw new ExpressionSyntaxError(
				offset,
				`"${name}" stands alone; write <schema>.<property>, and texts in quotation marks`,
			);
		if (schema !== undefined && schema !== name) {
			const near = nearest(name, [schema]);
			throw new ExpressionSyntaxError(
				offset,
				`a post-policy is about one schema, here ${schema}${near ? `; did you mean ${near}?` : `; write a rule of its own for ${name}`}`,
			);
		}
		schema = name;
		return { taken: 1, read: resource => resource };
	});
	if (schema === undefined) {
		throw new ExpressionSyntaxError(
			0,
			'a post-policy must name a schema, for instance LogEntry.Severity == "Critical"',
		);
	}
	return {
		kind: 'predicate',
		source: source.trim().replaceAll(/\s+/g, ' '),
		where,
		schema,
		holds(resource) {
			try {
				return compiled.evaluate({ input: resource, steps: maxStepsForResource, trace: [] }) === true;
			} catch {
				// An absent property, a type error: nothing says that this may be shown.
				return false;
			}
		},
	};
}
