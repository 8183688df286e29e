import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { BmcConnection } from './bmc-connection.ts';
import { bmcGarbage } from './bmc-fault.ts';

/** Pages that one collection may have; more is not filtered but refused. */
const maxPages = 100;

/**
 * A collection that the BMC hands out in pages, as one: a filter that saw one page alone would leave the
 * unfiltered total and the other pages' links in the answer.
 */
export async function gatherPages(bmc: BmcConnection, first: JsonValue): Promise<JsonValue> {
	let page = asObject(first);
	let next = page?.['Members@odata.nextLink'];
	if (!page || next === undefined || !Array.isArray(page.Members)) return first;
	const members: JsonValue[] = [...page.Members];
	for (let pages = 1; next !== undefined; pages++) {
		if (pages >= maxPages) throw bmcGarbage(bmc.target.name, `a collection of more than ${maxPages} pages`);
		if (typeof next !== 'string' || !next.startsWith('/redfish/v1/')) {
			throw bmcGarbage(bmc.target.name, 'a collection whose next page is elsewhere');
		}
		page = asObject(await bmc.read(next));
		if (!page || !Array.isArray(page.Members)) throw bmcGarbage(bmc.target.name, 'a page without members');
		members.push(...page.Members);
		next = page['Members@odata.nextLink'];
	}
	const { 'Members@odata.nextLink': _link, ...whole } = asObject(first) ?? {};
	return { ...whole, Members: members, 'Members@odata.count': members.length };
}

export const isPaged = (answer: JsonValue): boolean =>
	asObject(answer)?.['Members@odata.nextLink'] !== undefined;

const asObject = (value: JsonValue): { readonly [key: string]: JsonValue } | undefined =>
	typeof value === 'object' && value !== null && !Array.isArray(value)
		? (value as { readonly [key: string]: JsonValue })
		: undefined;
