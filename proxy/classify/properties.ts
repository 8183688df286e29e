import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { checkPropertyPath, namesOf } from '../policy/request-pattern.ts';

/**
 * The paths of all leaves of a PATCH body. An array is a leaf: Redfish replaces array properties whole. So is
 * an empty object, which would otherwise slip through unclassified.
 */
export function propertyPaths(body: JsonValue | undefined): string[][] {
	const paths: string[][] = [];
	const visit = (value: JsonValue, path: string[]): void => {
		const entries = isObject(value) ? Object.entries(value) : [];
		if (entries.length === 0) paths.push(path);
		for (const [name, child] of entries) visit(child, [...path, name]);
	};
	if (isObject(body)) for (const [name, value] of Object.entries(body)) visit(value, [name]);
	return paths;
}

/** `Boot.*` covers everything below Boot, and nothing but what lies below. */
export function covers(patterns: readonly string[], path: readonly string[]): boolean {
	return patterns.some(pattern => {
		const names = namesOf(pattern);
		const isOpen = names.at(-1) === '*';
		const fixed = isOpen ? names.slice(0, -1) : names;
		if (isOpen ? path.length <= fixed.length : path.length !== fixed.length) return false;
		// Name by name: a property whose own name holds a dot never passes for a nested one.
		return fixed.every((name, at) => name === path[at]);
	});
}

/** The path as a row names it; undefined for one that no row can name, having a dot or a blank in a name. */
export function patternOf(path: readonly string[]): string | undefined {
	const text = path.join('.');
	return checkPropertyPath(text).ok && covers([text], path) ? text : undefined;
}

/** The properties of a PATCH's body that a row is about; undefined for the patterns of a row that is about all. */
export function propertiesUnder(
	body: JsonValue | undefined,
	patterns: readonly string[] | undefined,
): string[] {
	return propertyPaths(body)
		.filter(path => patterns === undefined || covers(patterns, path))
		.map(path => path.join('.'));
}

/**
 * Where in a body another resource than the request's own stands (DSP0266 §7.11, "deep operations"): a list of
 * members, or an object that names its resource and says more of it. Undefined: nowhere.
 * @returns for people, `Subscriptions.Members`
 */
export function embeddedResource(value: JsonValue | undefined, at = ''): string | undefined {
	if (typeof value !== 'object' || value === null) return undefined;
	const inside = (name: string | number) => (at === '' ? String(name) : `${at}.${name}`);
	if (Array.isArray(value)) {
		for (const [index, item] of value.entries()) {
			const found = embeddedResource(item as JsonValue, inside(index));
			if (found !== undefined) return found;
		}
		return undefined;
	}
	const object = value as Readonly<Record<string, JsonValue>>;
	if (Array.isArray(object.Members)) return inside('Members');
	const id = object['@odata.id'];
	// With a fragment it names a part of the resource, as the elements of Assemblies do.
	if (
		typeof id === 'string' &&
		!id.includes('#') &&
		Object.keys(object).some(name => !name.startsWith('@odata.'))
	)
		return inside('@odata.id');
	for (const [name, child] of Object.entries(object)) {
		const found = embeddedResource(child, inside(name));
		if (found !== undefined) return found;
	}
	return undefined;
}

const isObject = (value: JsonValue | undefined): value is { readonly [name: string]: JsonValue } =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
