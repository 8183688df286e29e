import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { BmcConnection } from './bmc-connection.ts';
import { bmcGarbage } from './bmc-fault.ts';

/** Pages, and members, that one collection may have; more is refused. */
const maxPages = 100;
const maxMembers = 50_000;

/**
 * A collection that the BMC hands out in pages, as one: a filter that saw one page alone would leave the
 * unfiltered total and the other pages' links in the answer; and the links' own parameters, whatever a BMC calls them,
 * are none that a client may send.
 * @param path the collection's: its pages are nowhere else
 * @throws BimetalError BmcGarbage
 */
export async function gatherPages(
	bmc: Pick<BmcConnection, 'read' | 'target'>,
	path: string,
	first: JsonValue,
): Promise<JsonValue> {
	let page = asObject(first);
	let next = page?.['Members@odata.nextLink'];
	if (!page || next === undefined || !Array.isArray(page.Members)) return first;
	const members: JsonValue[] = [...page.Members];
	const seen = new Set<JsonValue>();
	for (let pages = 1; next !== undefined; pages++) {
		if (pages >= maxPages) throw bmcGarbage(bmc.target.name, `a collection of more than ${maxPages} pages`);
		if (typeof next !== 'string' || !isPageOf(path, next)) {
			throw bmcGarbage(bmc.target.name, 'a collection whose next page is elsewhere');
		}
		if (seen.has(next)) throw bmcGarbage(bmc.target.name, 'a collection whose pages lead in a circle');
		seen.add(next);
		page = asObject(await bmc.read(next));
		if (!page || !Array.isArray(page.Members)) throw bmcGarbage(bmc.target.name, 'a page without members');
		if (members.length + page.Members.length > maxMembers) {
			throw bmcGarbage(bmc.target.name, `a collection of more than ${maxMembers} members`);
		}
		for (const member of page.Members) members.push(member as JsonValue);
		next = page['Members@odata.nextLink'];
	}
	const { 'Members@odata.nextLink': _link, ...whole } = asObject(first) ?? {};
	return { ...whole, Members: members, 'Members@odata.count': members.length };
}

export const isPaged = (answer: JsonValue): boolean =>
	asObject(answer)?.['Members@odata.nextLink'] !== undefined;

function isPageOf(path: string, link: string): boolean {
	const [at = '', query] = link.split('?', 2);
	return query !== undefined && !link.includes('#') && (at === path || at === `${path}/`);
}

const asObject = (value: JsonValue): { readonly [key: string]: JsonValue } | undefined =>
	typeof value === 'object' && value !== null && !Array.isArray(value)
		? (value as { readonly [key: string]: JsonValue })
		: undefined;
