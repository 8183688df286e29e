import type { IncomingHttpHeaders } from 'node:http';
import { schemaLink } from '../answer/schema-link.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { isObject, typeOf } from '../filter/resource-type.ts';

/** What of a BMC's header a client may see; anything else (tokens, cookies, server names) stays here. */
const allowed = [
	'content-type',
	'content-encoding',
	'content-disposition',
	'etag',
	'allow',
	'link',
	'odata-version',
	'retry-after',
	'cache-control',
] as const;

/** Headers of an answer passed on as it is; `start`: the first bytes of its body. */
export function passHeaders(
	headers: IncomingHttpHeaders,
	start: Uint8Array | undefined,
	{ status, prefix, allow }: { status: number; prefix: string; allow: () => string },
): Record<string, string> {
	const passed = safeHeaders(headers, prefix);
	const length = headers['content-length'];
	if (length !== undefined) passed['content-length'] = length;
	if (status !== 200) return passed;
	passed.allow ??= allow();
	if (start && passed['content-type']?.startsWith('application/json')) {
		const link = schemaLink(typeAtStart(start), prefix, passed.link);
		if (link !== undefined) passed.link = link;
	}
	return passed;
}

/** The headers of a resource that is read, with what DSP0266 wants of each ("Response headers") and the BMC left out. */
export function describeResource(
	headers: Readonly<Record<string, string>>,
	json: JsonValue | undefined,
	{ prefix, allow }: { prefix: string; allow: () => string },
): Record<string, string> {
	const link = schemaLink(isObject(json) ? typeOf(json) : undefined, prefix, headers.link);
	return { ...headers, allow: headers.allow ?? allow(), ...(link !== undefined && { link }) };
}

/** The bytes in which the type of a resource is looked for; BMCs write annotations first. */
const startLength = 512;
/** Nothing but texts before it: it is the type of the resource itself, not that of a part. */
const typeFirst = /^\s*\{\s*(?:"[^"\\]*"\s*:\s*"[^"\\]*"\s*,\s*)*?"@odata\.type"\s*:\s*"([^"\\]*)"/;

const typeAtStart = (body: Uint8Array): string | undefined =>
	typeFirst.exec(
		Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1', 0, startLength),
	)?.[1];

/** Headers of an answer whose body is made anew. */
export function safeHeaders(headers: IncomingHttpHeaders, prefix: string): Record<string, string> {
	const safe: Record<string, string> = { 'x-content-type-options': 'nosniff' };
	for (const name of allowed) {
		const value = headers[name];
		if (typeof value === 'string') safe[name] = value;
		// bmcweb names two schemas of some resources in two headers; of a list, several are one (RFC 9110 §5.3).
		else if (Array.isArray(value) && (name === 'link' || name === 'allow'))
			safe[name] = (value as string[]).join(', ');
	}
	// bmcweb leaves it out of some answers; DSP0266 wants it on all ("Response headers").
	if (safe['content-type']?.startsWith('application/json')) safe['odata-version'] ??= '4.0';
	if (safe.link !== undefined) safe.link = safe.link.replaceAll('</redfish/', `<${prefix}/redfish/`);
	const { location } = headers;
	// Only a place on the same BMC: an absolute URL would name the BMC itself, which clients must not go to.
	if (location?.startsWith('/redfish/')) safe.location = prefix + location;
	return safe;
}

/** What is left of safe headers for somebody from whom something is hidden: nothing that a BMC could make of that. */
export function hideHeaders(safe: Readonly<Record<string, string>>): Record<string, string> {
	const { 'content-disposition': _name, 'content-encoding': _coding, etag: _tag, link, ...others } = safe;
	// Links to schemas say what kind of thing it is; any other could be one of its properties.
	return link !== undefined && schemaLinks.test(link) ? { ...others, link } : others;
}

const describedBy =
	'<[^<>]*/redfish/v1/(?:JsonSchemas/[^<>]*|\\$metadata(?:#[^<>]*)?)> *; *rel="?describedby"?';
const schemaLinks = new RegExp(`^${describedBy}(?: *, *${describedBy})*$`);
