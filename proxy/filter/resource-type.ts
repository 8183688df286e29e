import type { JsonValue } from '../canonicalise/canonical-request.ts';

export type JsonObject = { readonly [key: string]: JsonValue };

export function isObject(value: JsonValue | undefined): value is JsonObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The schema names by which policies may name a resource: of `#LogEntry.v1_9_0.LogEntry` it is LogEntry, of
 * `#Event.v1_4_0.EventRecord` both Event and EventRecord (DSP0266, "Type identifiers in JSON": namespace,
 * version, type). A resource that does not say is taken for `implied`.
 */
export function schemasOfType(type: string | undefined, implied: string | undefined): readonly string[] {
	if (type === undefined) return implied === undefined ? [] : [implied];
	const parts = type.slice(type.lastIndexOf('#') + 1).split('.');
	const names = [parts[0] ?? '', parts.at(-1) ?? ''];
	// What stands in a collection is of its kind, whatever else it says that it is.
	return [...new Set(implied === undefined ? names : [...names, implied])];
}

/** `@odata.type`, where it is a text. */
export function typeOf(resource: JsonObject): string | undefined {
	const type = Object.hasOwn(resource, '@odata.type') ? resource['@odata.type'] : undefined;
	return typeof type === 'string' ? type : undefined;
}

/**
 * What the elements of `resource[key]` are when they do not say: the members of a `LogEntryCollection` are
 * LogEntry, the `Events` of an Event are EventRecord.
 */
export function impliedSchema(schemas: readonly string[], key: string): string | undefined {
	if (key === 'Members') {
		const collection = schemas.find(name => name.endsWith('Collection') && name !== 'Collection');
		return collection?.slice(0, -'Collection'.length);
	}
	return key === 'Events' && schemas.includes('Event') ? 'EventRecord' : undefined;
}

/** The `@odata.id` of an object that holds nothing else: a link to a resource, not the resource. */
export function linkTarget(value: JsonValue): string | undefined {
	if (!isObject(value)) return undefined;
	const id = value['@odata.id'];
	return typeof id === 'string' && Object.keys(value).length === 1 ? id : undefined;
}
