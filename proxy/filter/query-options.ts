import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { filterErrors } from './errors.ts';
import { isObject, type JsonObject } from './resource-type.ts';

/** The query parameters that the proxy evaluates itself, since on the BMC they would see what is hidden. */
export interface QueryOptions {
	readonly only: boolean;
	readonly top: number | undefined;
	readonly skip: number | undefined;
	/** Property paths: `Status/Health` is `['Status', 'Health']`. */
	readonly select: readonly (readonly string[])[] | undefined;
}

type Query = readonly (readonly [name: string, value: string])[];

const maxSelected = 100;
const maxPathDepth = 16;

/**
 * Takes `only`, `$top`, `$skip` and `$select` out of a query (DSP0266 §7.3); `rest` is what the BMC gets.
 * @throws BimetalError `QueryParameterValueFormatError`, `QueryParameterOutOfRange` or
 * `QueryCombinationInvalid` (400), named as in the Base registry
 */
export function parseQueryOptions(query: Query): { readonly options: QueryOptions; readonly rest: Query } {
	const own = new Map<string, string>();
	const rest: (readonly [string, string])[] = [];
	for (const parameter of query) {
		const [name, value] = parameter;
		if (name === 'only' || name === '$top' || name === '$skip' || name === '$select') own.set(name, value);
		else rest.push(parameter);
	}
	const only = own.get('only');
	if (only !== undefined && only !== '') throw badValue('only', only, 'it takes no value');
	if (only !== undefined && query.length > 1) {
		throw filterErrors.QueryCombinationInvalid('"only" cannot be combined with other query parameters');
	}
	return {
		options: {
			only: only !== undefined,
			top: readCount('$top', own.get('$top')),
			skip: readCount('$skip', own.get('$skip')),
			select: readSelect(own.get('$select')),
		},
		rest,
	};
}

function readCount(name: string, value: string | undefined): number | undefined {
	if (value === undefined) return undefined;
	if (/^-[0-9]+$/.test(value)) throw outOfRange(name, value);
	if (!/^[0-9]+$/.test(value)) throw badValue(name, value, 'it must be a whole number');
	const count = Number(value);
	if (!Number.isSafeInteger(count)) throw outOfRange(name, value);
	return count;
}

function readSelect(value: string | undefined): string[][] | undefined {
	if (value === undefined) return undefined;
	const paths = value.split(',').map(path => path.trim().split('/'));
	const isName = (name: string) => /^[A-Za-z0-9_#@.-]{1,128}$/.test(name);
	for (const path of paths) {
		if (path.length > maxPathDepth || !path.every(isName)) {
			throw badValue('$select', path.join('/'), 'write property names with "," between them and "/" inside');
		}
	}
	if (paths.length > maxSelected)
		throw badValue('$select', `${paths.length} properties`, `at most ${maxSelected}`);
	return paths;
}

function badValue(name: string, value: string, right: string): BimetalError {
	const message = `The value ${JSON.stringify(value.slice(0, 80))} of the query parameter ${name} is of a wrong form: ${right}`;
	return filterErrors.QueryParameterValueFormatError(message);
}

function outOfRange(name: string, value: string): BimetalError {
	return filterErrors.QueryParameterOutOfRange(
		`The value ${value.slice(0, 40)} of the query parameter ${name} is out of range`,
	);
}

export interface QueryAnswer {
	readonly answer: JsonValue;
	/** With `only`, and one member left: answer with this resource (decided on and filtered as a request of its own). */
	readonly follow: string | undefined;
}

/**
 * Evaluates the options on an answer that was filtered before, so that neither rows nor counts tell of what is
 * hidden.
 * @param path the collection's own, for the link to the next page
 * @throws BimetalError `QueryNotSupportedOnResource` (400) for paging anything but a collection
 */
export function applyQueryOptions(answer: JsonValue, options: QueryOptions, path: string): QueryAnswer {
	const { only, top, skip, select } = options;
	if (!only && top === undefined && skip === undefined && select === undefined)
		return { answer, follow: undefined };
	let result = answer;
	if (only || top !== undefined || skip !== undefined) {
		const members = isObject(answer) ? answer.Members : undefined;
		if (!isObject(answer) || !Array.isArray(members)) {
			throw filterErrors.QueryNotSupportedOnResource('only, $top and $skip are for collections');
		}
		if (only) return followOnly(answer, members);
		result = page(answer, members, options, path);
	}
	if (select && isObject(result)) result = selectProperties(result, select);
	return { answer: result, follow: undefined };
}

function followOnly(collection: JsonObject, members: readonly JsonValue[]): QueryAnswer {
	const [member] = members;
	const target = members.length === 1 && isObject(member) ? member['@odata.id'] : undefined;
	return { answer: collection, follow: typeof target === 'string' ? target : undefined };
}

function page(
	collection: JsonObject,
	members: readonly JsonValue[],
	{ top, skip = 0, select }: QueryOptions,
	path: string,
): JsonObject {
	const end = top === undefined ? members.length : Math.min(members.length, skip + top);
	const { 'Members@odata.nextLink': beyond, ...rest } = collection;
	const paged = { ...rest, Members: members.slice(skip, end) };
	if (!Object.hasOwn(paged, 'Members@odata.count'))
		Object.assign(paged, { 'Members@odata.count': members.length });
	// A page of none would link to itself for ever.
	if (top !== undefined && top > 0 && end < members.length) {
		const selected = select ? `&$select=${select.map(names => names.join('/')).join(',')}` : '';
		return { ...paged, 'Members@odata.nextLink': `${path}?$skip=${end}&$top=${top}${selected}` };
	}
	return beyond === undefined ? paged : { ...paged, 'Members@odata.nextLink': beyond };
}

/** The named properties with their annotations; what identifies a resource (`@odata.…`) is always there. */
function selectProperties(resource: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
	const selected: { [key: string]: JsonValue } = {};
	for (const key of Object.keys(resource)) {
		const value = resource[key] as JsonValue;
		const at = key.indexOf('@');
		const below = paths.filter(path => path[0] === key).map(path => path.slice(1));
		if (key.startsWith('@odata.') || below.some(path => path.length === 0)) selected[key] = value;
		else if (below.length > 0) selected[key] = selectBelow(value, below);
		else if (at > 0 && paths.some(path => path[0] === key.slice(0, at))) selected[key] = value;
	}
	return selected;
}

function selectBelow(value: JsonValue, paths: readonly (readonly string[])[]): JsonValue {
	if (Array.isArray(value)) return value.map((element: JsonValue) => selectBelow(element, paths));
	return isObject(value) ? selectProperties(value, paths) : value;
}
