import { type Call, readOf } from './call.ts';
import type { JsonValue } from './canonicalise/canonical-request.ts';
import { parseTarget } from './canonicalise/target.ts';
import { answerQuery } from './filter/answer-query.ts';
import { strongETag } from './filter/etag.ts';
import { parseQueryOptions } from './filter/query-options.ts';
import type { Sight } from './forward/perform.ts';

/**
 * A resource as its reader asked for it: with the query options evaluated, which can show other resources. `look` gives
 * what this operator would see of one of them, decided on like a request of its own; undefined when nothing.
 */
export async function widen(
	call: Call,
	sight: Sight,
	look: (call: Call) => Promise<Sight | undefined>,
): Promise<Sight> {
	const { request, own } = call;
	const whole = own && sight.json !== undefined ? own.add(sight.json) : sight.json;
	if (whole === undefined || (request.query.length === 0 && whole === sight.json)) return sight;
	const options = parseQueryOptions(request.query);
	let followed: Sight | undefined;
	const lookAt = async (link: string): Promise<JsonValue | undefined> => {
		const path = pathOf(link);
		if (path === undefined) return undefined;
		const resource = own?.look(path);
		if (resource !== undefined) return resource;
		const other = await look(readOf(call, path));
		if (options.only) followed = other;
		return other?.json;
	};
	const json = await answerQuery(whole, options, { path: request.path, look: lookAt });
	const { status, bmcEtag, isFiltered } = sight;
	const headers = followed?.headers ?? sight.headers;
	// Where other resources are in it, its own tag would not change with them.
	const bytes = Buffer.from(JSON.stringify(json));
	const isWidened = whole !== sight.json || options.filter || options.expand;
	const etag = isWidened ? strongETag(bytes) : (followed ?? sight).etag;
	return { status, headers, json, bytes, etag, bmcEtag, isFiltered };
}

/** A link of the BMC's as a path that can be decided on; a BMC is not trusted to write canonical ones. */
function pathOf(link: string): string | undefined {
	try {
		const { path, query } = parseTarget(link);
		return query.length === 0 && !link.includes('?') ? path : undefined;
	} catch {
		return undefined;
	}
}
