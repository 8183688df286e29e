import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { renderTarget } from '../canonicalise/query.ts';
import { filterErrors } from './errors.ts';
import { expand } from './expand.ts';
import type { ResourceTest } from './filter-expression.ts';
import { forEach, type Look, lookOnce } from './look-up.ts';
import type { QueryOptions } from './query-options.ts';
import { isObject, type JsonObject, linkTarget } from './resource-type.ts';

/** Members that are only links and that `$filter` may have looked at for one answer. */
const maxJudged = 1000;

export interface QueryContext {
	/** The resource's own, for the link to the next page. */
	readonly path: string;
	readonly look: Look;
}

/**
 * Evaluates the options on a resource as its reader may see it, so that neither rows nor counts tell of what is
 * hidden; in the order of DSP0266: `$filter`, `$skip`, `$top`, then `$expand` and `$select` on what is left.
 * @throws BimetalError `QueryNotSupportedOnResource` (400) for `only`, `$filter`, `$skip` or `$top` on anything but a
 * collection
 */
export async function answerQuery(
	resource: JsonValue,
	options: QueryOptions,
	{ path, look }: QueryContext,
): Promise<JsonValue> {
	const { only, filter, skip, top, select } = options;
	const once = lookOnce(look);
	let answer = resource;
	if (only || filter || skip !== undefined || top !== undefined) {
		if (!isObject(answer) || !Array.isArray(answer.Members)) {
			throw filterErrors.QueryNotSupportedOnResource(
				`only, $filter, $skip and $top are for collections, and ${path} is none`,
			);
		}
		if (only) answer = await onlyMember(answer, answer.Members, once);
		else if (filter) answer = await filterMembers(answer, answer.Members, filter, once);
		if (skip !== undefined || top !== undefined) answer = page(answer as JsonObject, options, path);
	}
	if (options.expand) answer = await expand(answer, options.expand, once);
	return select && isObject(answer) ? selectProperties(answer, select) : answer;
}

/** The one member; the collection when there are none or several, or when it would not be shown. */
async function onlyMember(
	collection: JsonObject,
	members: readonly JsonValue[],
	look: Look,
): Promise<JsonValue> {
	const [member] = members;
	const target = members.length === 1 && isObject(member) ? member['@odata.id'] : undefined;
	return (typeof target === 'string' ? await look(target) : undefined) ?? collection;
}

/** Members for which the test holds. What is only a link is judged by the resource; what is not shown does not count. */
async function filterMembers(
	collection: JsonObject,
	members: readonly JsonValue[],
	test: ResourceTest,
	look: Look,
): Promise<JsonObject> {
	const targets = members.flatMap(member => linkTarget(member) ?? []);
	if (targets.length > maxJudged) {
		throw filterErrors.QueryNotSupportedOnResource(
			`$filter cannot look at more than ${maxJudged} members; this collection has ${targets.length}`,
		);
	}
	const holds = new Set<string>();
	await forEach([...new Set(targets)], async target => {
		const resource = await look(target);
		if (resource !== undefined && test(resource)) holds.add(target);
	});
	const kept = members.filter(member => {
		const target = linkTarget(member);
		return target === undefined ? test(member) : holds.has(target);
	});
	return { ...collection, Members: kept, 'Members@odata.count': kept.length };
}

function page(collection: JsonObject, { top, skip = 0, asked }: QueryOptions, path: string): JsonObject {
	const members = collection.Members as readonly JsonValue[];
	const end = top === undefined ? members.length : Math.min(members.length, skip + top);
	const paged = { ...collection, 'Members@odata.count': members.length, Members: members.slice(skip, end) };
	// A page of none would link to itself for ever.
	if (top === undefined || top === 0 || end >= members.length) return paged;
	const others = asked.filter(([name]) => name !== '$skip');
	const query = [...others, ['$skip', String(end)] as const].sort(([a], [b]) => (a < b ? -1 : 1));
	return { ...paged, 'Members@odata.nextLink': renderTarget({ path, query }) };
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
