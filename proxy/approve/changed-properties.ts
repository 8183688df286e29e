import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** What a PATCH does to one property. */
export interface ChangedProperty {
	/** Names from the resource down: `Boot/BootSourceOverrideTarget`. A slash within a name is `~1`, a tilde `~0`. */
	readonly property: string;
	/** Absent where the resource has no such property, or it is not known to whom this is shown. */
	readonly before?: JsonValue;
	readonly after: JsonValue;
}

/**
 * What a PATCH's body would change of a resource (DSP0266 §7.5): objects are gone into, a list is one value, since
 * its elements are matched by place.
 * @param resource as its reader may see it; undefined when it may not
 */
export function changedProperties(resource: JsonValue | undefined, body: JsonValue): ChangedProperty[] {
	if (!isObject(body)) return [];
	return Object.entries(body).flatMap(([name, after]): ChangedProperty[] => {
		const before = isObject(resource) && Object.hasOwn(resource, name) ? resource[name] : undefined;
		const property = name.replaceAll('~', '~0').replaceAll('/', '~1');
		if (isObject(after) && Object.keys(after).length > 0) {
			return changedProperties(before, after).map(inner => ({
				...inner,
				property: `${property}/${inner.property}`,
			}));
		}
		return [{ property, ...(before !== undefined && { before }), after }];
	});
}

const isObject = (value: JsonValue | undefined): value is Record<string, JsonValue> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);
