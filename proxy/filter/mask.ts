import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { MaskPolicy } from '../policy/policy-set.ts';
import { isObject, type JsonObject } from './resource-type.ts';

/**
 * The masks in the one order in which they are applied, whoever wrote them: where two meet on a property, null
 * wins over any other value.
 */
export function inMaskOrder(masks: readonly MaskPolicy[]): readonly MaskPolicy[] {
	const key = (mask: MaskPolicy) => JSON.stringify([mask.value, mask.schema, mask.path]);
	const rank = (mask: MaskPolicy) => (mask.value === null ? 1 : 0);
	return [...masks].sort((a, b) => rank(a) - rank(b) || (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** What masks do to one property of a resource. */
export type PropertyMask =
	/** An annotation of a masked property tells about it: `Certificates@odata.count`. */
	| { readonly kind: 'remove' }
	| { readonly kind: 'set'; readonly value: JsonValue }
	/** Only something below it is masked. */
	| { readonly kind: 'below'; readonly apply: (value: JsonValue) => JsonValue };

/** Names that are remembered of one type: a schema has some fifty. More cost time, not memory. */
const maxNames = 500;

/** The masks of one type, in their order, as what they do to each property; worked out once for each name. */
export function compileMasks(masks: readonly MaskPolicy[]): (name: string) => PropertyMask | undefined {
	if (masks.length === 0) return () => undefined;
	const matchers = masks.map(({ path: [pattern = '', ...rest], value }) => {
		return { pattern, rest, value, matches: nameMatcher(pattern) };
	});
	const known = new Map<string, PropertyMask | undefined>();
	const work = (name: string): PropertyMask | undefined => {
		let result: PropertyMask | undefined;
		for (const { pattern, rest, value, matches } of matchers) {
			if (isAnnotationOf(name, pattern, matches)) {
				if (rest.length === 0) return { kind: 'remove' };
			} else if (name.startsWith('@odata.') || !matches(name)) continue;
			else if (rest.length === 0) result = { kind: 'set', value };
			else if (result?.kind !== 'set') {
				// What is set to a plain value has nothing below it any more.
				const before = result?.kind === 'below' ? result.apply : undefined;
				result = { kind: 'below', apply: below => maskBelow(before ? before(below) : below, rest, value) };
			}
		}
		return result;
	};
	return name => {
		let result = known.get(name);
		if (result !== undefined || known.has(name)) return result;
		result = work(name);
		if (known.size < maxNames) known.set(name, result);
		return result;
	};
}

/** The resource with the property at `path` replaced, wherever it is there; the same object when it is not. */
function applyMask(resource: JsonObject, path: readonly string[], value: JsonValue): JsonObject {
	const [pattern, ...rest] = path;
	if (pattern === undefined) return resource;
	const matches = nameMatcher(pattern);
	let copy: { [key: string]: JsonValue } | undefined;
	const edit = (): { [key: string]: JsonValue } => {
		copy ??= { ...resource };
		return copy;
	};
	for (const key of Object.keys(resource)) {
		// The annotations of a masked property tell about it: `Certificates@odata.count`.
		if (isAnnotationOf(key, pattern, matches)) {
			if (rest.length === 0) delete edit()[key];
			continue;
		}
		if (key.startsWith('@odata.') || !matches(key)) continue;
		const before = resource[key] as JsonValue;
		const after = rest.length === 0 ? value : maskBelow(before, rest, value);
		if (after !== before) edit()[key] = after;
	}
	return copy ?? resource;
}

function maskBelow(below: JsonValue, path: readonly string[], value: JsonValue): JsonValue {
	if (Array.isArray(below)) {
		const elements = below as readonly JsonValue[];
		const masked = elements.map(element => maskBelow(element, path, value));
		return masked.some((element, i) => element !== elements[i]) ? masked : below;
	}
	return isObject(below) ? applyMask(below, path, value) : below;
}

function isAnnotationOf(key: string, pattern: string, matches: (name: string) => boolean): boolean {
	const at = key.indexOf('@');
	return at > 0 && !pattern.includes('@') && matches(key.slice(0, at));
}

/** `Oem*` as a test of names. No regular expression: a name with several stars must not take long. */
function nameMatcher(pattern: string): (name: string) => boolean {
	const pieces = pattern.split('*');
	if (pieces.length === 1) return name => name === pattern;
	const first = pieces[0] ?? '';
	const last = pieces.at(-1) ?? '';
	const middle = pieces.slice(1, -1);
	return name => {
		if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
			return false;
		let at = first.length;
		for (const piece of middle) {
			const found = name.indexOf(piece, at);
			if (found < 0) return false;
			at = found + piece.length;
		}
		return at <= name.length - last.length;
	};
}
