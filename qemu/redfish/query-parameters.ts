import { isObject, type Json, type JsonObject, setMember } from './json.ts';
import { quoted } from './messages.ts';
import { failed, type Outcome } from './outcome.ts';
import type { Target } from './target.ts';

/** The query parameters of DSP0266 that bmcweb knows, parsed. */
export interface Query {
	readonly only: boolean;
	readonly top: number | undefined;
	readonly skip: number | undefined;
	readonly select: readonly string[] | undefined;
	readonly expand: { readonly levels: number; readonly which: 'links' | 'others' | 'all' } | undefined;
}

const NONE: Query = { only: false, top: undefined, skip: undefined, select: undefined, expand: undefined };
const MAX_LEVELS = 6;
const MAX_TOP = 1000;

/** Unknown names that start with `$` are refused with 501; others are ignored, as the specification asks. */
export function parseQuery(target: Target): Query | { readonly refusal: Outcome } {
	if (target.query.length === 0) return NONE;
	let query: Query = NONE;
	for (const [name, value] of target.query) {
		if (name === 'only') {
			if (value !== '') return badFormat(400, name, value);
			query = { ...query, only: true };
		} else if (name === '$top' || name === '$skip') {
			if (!/^\d+$/.test(value)) return badFormat(400, name, value);
			const count = Number(value);
			if (!Number.isSafeInteger(count) || (name === '$top' && count > MAX_TOP)) {
				return { refusal: failed(400, 'QueryParameterOutOfRange', value, name, `0-${MAX_TOP}`) };
			}
			query = { ...query, [name === '$top' ? 'top' : 'skip']: count };
		} else if (name === '$select') {
			const paths = value.split(',');
			if (paths.some(path => !/^[A-Za-z#@][\w.#@/]*$/.test(path))) return badFormat(400, name, value);
			query = { ...query, select: paths };
		} else if (name === '$expand') {
			const parts = /^([*.~])(?:\(\$levels=(\d{1,3})\))?$/.exec(value);
			const levels = Number(parts?.[2] ?? 1);
			if (!parts || levels < 1) return badFormat(400, name, value);
			const which = parts[1] === '*' ? 'all' : parts[1] === '~' ? 'links' : 'others';
			query = { ...query, expand: { levels: Math.min(levels, MAX_LEVELS), which } };
		} else if (name.startsWith('$')) return badFormat(501, name, value);
	}
	const { only, top, skip, expand } = query;
	if (only && (top !== undefined || skip !== undefined || expand)) {
		return { refusal: failed(400, 'QueryCombinationInvalid') };
	}
	return query;
}

/**
 * As a service without query parameters has it: names with `$` are refused (DSP0266, "Query parameter overview"), others
 * ignored. Its collections may still come in pages, whose links are the service's own to write.
 */
export function parseNoQuery(target: Target): Query | { readonly refusal: Outcome } {
	const unknown = target.query.find(([name]) => name.startsWith('$'));
	return unknown ? badFormat(501, unknown[0], unknown[1]) : NONE;
}

/** One page of a collection of more than `size` members; `page` of the query says which. */
export function pageOf(body: JsonObject, size: number, target: Target): JsonObject {
	if (!Array.isArray(body.Members) || body.Members.length <= size) return body;
	const asked = Number(target.query.find(([name]) => name === 'page')?.[1] ?? 0);
	const start = Number.isSafeInteger(asked) && asked > 0 ? asked * size : 0;
	const more = start + size < body.Members.length;
	return {
		...body,
		Members: body.Members.slice(start, start + size),
		...(more ? { 'Members@odata.nextLink': `${target.path}?page=${start / size + 1}` } : {}),
	};
}

function badFormat(status: number, name: string, value: string): { refusal: Outcome } {
	return { refusal: failed(status, 'QueryParameterValueFormatError', quoted(value), name) };
}

/** Reads a resource for `$expand`; undefined: it cannot be read, and stays a link. */
export type ReadResource = (path: string) => JsonObject | undefined;

/**
 * Applies `$top`, `$skip`, `$expand` and `$select`, in this order, to a 200 answer's body. Undefined: the
 * resource has no members to count.
 */
export function applyQuery(body: JsonObject, query: Query, read: ReadResource): JsonObject | undefined {
	let result = body;
	if (query.top !== undefined || query.skip !== undefined) {
		if (!Array.isArray(body.Members)) return undefined;
		result = page(body, body.Members, query.skip ?? 0, query.top);
	}
	if (query.expand) {
		result = expand(result, query.expand.levels, query.expand.which, read, false) as JsonObject;
	}
	return query.select ? select(result, query.select) : result;
}

function page(body: JsonObject, members: Json[], skip: number, top: number | undefined): JsonObject {
	const end = top === undefined ? members.length : skip + top;
	const more = end < members.length && body['@odata.type'] === '#LogEntryCollection.LogEntryCollection';
	return {
		...body,
		Members: members.slice(skip, end),
		...(more ? { 'Members@odata.nextLink': `${body['@odata.id']}?$skip=${end}` } : {}),
	};
}

function expand(
	value: Json | undefined,
	levels: number,
	which: 'links' | 'others' | 'all',
	read: ReadResource,
	inLinks: boolean,
): Json | undefined {
	if (Array.isArray(value)) return value.map(item => expand(item, levels, which, read, inLinks) ?? null);
	if (!isObject(value)) return value;
	const names = Object.keys(value);
	const uri = value['@odata.id'];
	if (names.length === 1 && typeof uri === 'string') {
		if (which !== 'all' && inLinks !== (which === 'links')) return value;
		const resource = levels > 0 && !uri.includes('#') ? read(uri) : undefined;
		return resource ? expand(resource, levels - 1, which, read, false) : value;
	}
	const result: JsonObject = {};
	for (const name of names) {
		setMember(result, name, expand(value[name], levels, which, read, inLinks || name === 'Links'));
	}
	return result;
}

const ALWAYS = ['@odata.id', '@odata.type', '@odata.context', '@odata.etag', 'error'];

function select(body: JsonObject, paths: readonly string[]): JsonObject {
	const result: JsonObject = {};
	for (const name of ALWAYS) if (body[name] !== undefined) result[name] = body[name];
	for (const path of paths) copyPath(body, result, path.split('/'));
	return result;
}

function copyPath(from: JsonObject, to: JsonObject, [name = '', ...rest]: string[]): void {
	if (!Object.hasOwn(from, name)) return;
	const value = from[name];
	if (rest.length === 0) setMember(to, name, value);
	else if (Array.isArray(value)) {
		const existing = Array.isArray(to[name]) ? to[name] : [];
		setMember(
			to,
			name,
			value.map((item, index) => {
				const old = existing[index];
				const copy: JsonObject = isObject(old) ? old : {};
				if (isObject(item)) copyPath(item, copy, rest);
				return copy;
			}),
		);
	} else if (isObject(value)) {
		const inner: JsonObject = isObject(to[name]) ? to[name] : {};
		setMember(to, name, inner);
		copyPath(value, inner, rest);
	}
}
