/**
 * The one text of a JSON value: members sorted by code unit, no white space, numbers and strings as ECMAScript writes
 * them (RFC 8785). Members that are undefined are left out.
 */
export function canonicalJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
	if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
	let text = '';
	for (const key of Object.keys(value).sort()) {
		const member = (value as Record<string, unknown>)[key];
		if (member === undefined) continue;
		text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
	}
	return `{${text}}`;
}
