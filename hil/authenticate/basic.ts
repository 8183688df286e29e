/** Whether a header is of this scheme, well-formed or not. */
export const isBasic = (header: string | undefined): boolean => /^basic(\s|$)/i.test(header ?? '');

/** The user name and password of an Authorization header: RFC 7617, in UTF-8. Undefined when it is none of that. */
export function parseBasic(header: string | undefined): { name: string; password: string } | undefined {
	const [, encoded] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(header ?? '') ?? [];
	if (encoded === undefined) return undefined;
	const text = Buffer.from(encoded, 'base64').toString('utf8');
	const colon = text.indexOf(':');
	if (colon < 1) return undefined;
	return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
