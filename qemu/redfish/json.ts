/** JSON as the emulated services keep and send it; undefined members are left out on the wire. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [name: string]: Json | undefined };

export function isObject(value: Json | undefined): value is JsonObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Renders as bmcweb does: two spaces of indent, members in byte order of their names. */
export function renderJson(value: Json): string {
	return JSON.stringify(sortMembers(value), undefined, 2);
}

function sortMembers(value: Json | undefined): Json | undefined {
	if (Array.isArray(value)) return value.map(item => sortMembers(item) ?? null);
	if (!isObject(value)) return value;
	const sorted: JsonObject = {};
	for (const name of Object.keys(value).sort()) setMember(sorted, name, sortMembers(value[name]));
	return sorted;
}

/** Sets an own member even where its name is `__proto__`. */
export function setMember(object: JsonObject, name: string, value: Json | undefined): void {
	if (name === '__proto__') {
		Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
	} else object[name] = value;
}

/** A link to a resource. */
export function link(uri: string): JsonObject {
	return { '@odata.id': uri };
}

/** A Redfish collection resource with links to its members. */
export function collection(
	uri: string,
	type: string,
	name: string,
	members: readonly string[],
	description?: string,
): JsonObject {
	return {
		'@odata.id': uri,
		'@odata.type': `#${type}.${type}`,
		Name: name,
		...(description === undefined ? {} : { Description: description }),
		Members: members.map(member => link(`${uri}/${member}`)),
		'Members@odata.count': members.length,
	};
}
