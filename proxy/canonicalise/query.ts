import { refusal } from './refusals.ts';

/** Decoded parameters, at most one of each name, sorted by name. */
export type Query = readonly (readonly [name: string, value: string])[];

/**
 * The query parameters of DSP0266 "Query parameters" that are understood, with the form of what each may be set to;
 * whether it is in range says `filter/query-options.ts`. No BMC receives them.
 */
const parameters: Readonly<Record<string, RegExp>> = {
	only: /^$/,
	$select: /^[A-Za-z0-9@#._/,* -]{1,1024}$/,
	$expand: /^[*.~](?:\(\$levels=[0-9]{1,9}\))?$/,
	$filter: /^[^\p{Cc}]{1,1024}$/u,
	$top: /^-?[0-9]{1,30}$/,
	$skip: /^-?[0-9]{1,30}$/,
};

/** RFC 3986 §3.4 without the fragment mark. */
const queryCharacters = /^[\w.~!$&'()*+,;=:@/?%-]*$/;

/**
 * Reads what follows the `?`. Names and values are decoded once (`+` is a space), then looked up: `%24expand`
 * is `$expand`. As DSP0266 asks, an unknown name with `$` is refused with 501 and any other unknown is dropped.
 * Throws a BimetalError whose code starts with `Query`, TargetFragment or TargetCharacter.
 */
export function parseQuery(raw: string): Query {
	if (raw === '') return [];
	if (!queryCharacters.test(raw)) throw refusal(raw.includes('#') ? 'TargetFragment' : 'TargetCharacter');
	const found = new Map<string, string>();
	for (const pair of raw.split('&')) {
		if (pair === '') throw refusal('QueryMalformed');
		const equals = pair.indexOf('=');
		const name = decode(equals < 0 ? pair : pair.slice(0, equals));
		const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
		const pattern = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
		if (pattern === undefined) {
			if (name.startsWith('$')) throw refusal('QueryUnknown', /^\$\w{1,40}$/.test(name) ? name : undefined);
			continue;
		}
		if (found.has(name)) throw refusal('QueryDuplicate', name);
		if (!pattern.test(value)) throw refusal('QueryValue', name);
		found.set(name, value);
	}
	return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text.replaceAll('+', ' '));
	} catch {
		throw refusal('QueryMalformed');
	}
}

/** The target a BMC receives: the path, and the query encoded in one way only. */
export function renderTarget(request: { readonly path: string; readonly query: Query }): string {
	if (request.query.length === 0) return request.path;
	const pairs = request.query.map(([name, value]) => (value === '' ? name : `${name}=${encode(value)}`));
	return `${request.path}?${pairs.join('&')}`;
}

/** Leaves readable what RFC 3986 §3.4 lets stand in a query and no reader takes for a separator. */
function encode(value: string): string {
	return encodeURIComponent(value).replace(/%(?:24|2C|2F|3A|3D|40)/g, code => decodeURIComponent(code));
}
